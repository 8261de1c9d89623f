"""Send results to their destinations, again and again until they are there."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from fractura.dicom.network.errors import DeliveryError
from fractura.dicom.network.send import c_store
from fractura.dicom.network.web import stow
from fractura.dicom.results.common import ReadImage
from fractura.errors import FracturaError, LoadError
from fractura.findings import Reading
from fractura.reading.reader import Reader
from fractura.service.prometheus import Metrics
from fractura.service.render.dicom import image_as_read, result_of
from fractura.service.settings import Destination, Node
from fractura.service.store.deliveries import (
    Delivery,
    bury,
    claim_deliveries,
    delivered,
    postpone,
)
from fractura.service.store.errors import ImageGoneError
from fractura.service.store.open import ServiceStore
from fractura.service.store.queue import entry as stored_entry
from fractura.service.work.options import tls_files

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a delivery belongs to a process. Where a destination takes longer, another process may
send the same objects again: they have the same UIDs and bytes."""
TIMEOUT_SECONDS = 30.0
"""How long a destination may take for an answer."""
IDLE_SECONDS = 1.0
LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Courier:
    """What delivers to one destination, so that one that is down does not hold up the others."""

    store: ServiceStore
    reader: Reader
    metrics: Metrics
    worker: str
    node: Node
    destination: Destination

    def step(self) -> float:
        """Deliver what is due of one reading; the seconds to rest before the next."""
        batch = claim_deliveries(
            self.store, self.worker, LEASE_SECONDS, 16, destination=self.destination.name
        )
        if not batch:
            return IDLE_SECONDS
        self._deliver(batch)
        return 0.0

    def _deliver(self, batch: Sequence[Delivery]) -> None:
        made = self._make(batch)
        if not made:
            return
        try:
            self._send([data for _, data in made])
        except Exception as error:
            known = error.statuses if isinstance(error, DeliveryError) else ()
            for (delivery, _), status in zip_longest(made, known):
                if _is_stored(status):
                    self._settle(delivery)
                else:
                    self._put_off(delivery, error)
            return
        for delivery, _ in made:
            self._settle(delivery)

    def _make(self, batch: Sequence[Delivery]) -> list[tuple[Delivery, bytes]]:
        """The objects, the same bytes each time, less those that cannot be made, as is noted."""
        try:
            image = self._image(batch[0].reading_id)
        except Exception as error:
            for delivery in batch:
                self._not_made(delivery, error)
            return []
        made = []
        for delivery in batch:
            try:
                made.append((delivery, result_of(image, delivery.kind)))
            except Exception as error:
                self._not_made(delivery, error)
        return made

    def _image(self, reading_id: str) -> ReadImage:
        """What the results of a reading are made of.

        Raises:
            ImageGoneError: the image is not stored any more.
            LoadError: it is none that results can refer to.
            ModelError: the reading is of another model than this process runs.
        """
        entry = stored_entry(self.store, reading_id)
        if entry.result is None or entry.finished_at is None:
            raise FracturaError("it has no reading")
        reading = Reading.from_dict(entry.result)
        data = self.store.images.get(entry.sha256)
        return image_as_read(data, entry.frame, self.reader, reading, entry.finished_at)

    def _not_made(self, delivery: Delivery, error: Exception) -> None:
        """Another attempt helps neither an unfit image nor one that is gone."""
        if isinstance(error, LoadError | ImageGoneError):
            self._bury(delivery, error)
        else:
            self._put_off(delivery, error)

    def _send(self, objects: Sequence[bytes]) -> None:
        to = self.destination
        if to.url is not None:
            stow(objects, to.url, to.token)
            return
        assert to.title
        assert to.host
        assert to.port
        c_store(
            objects,
            title=to.title,
            host=to.host,
            port=to.port,
            calling_title=self.node.title,
            tls=tls_files(to.tls),
            timeout=TIMEOUT_SECONDS,
        )

    def _settle(self, delivery: Delivery) -> None:
        delivered(self.store, delivery)
        self._count("sent")
        log.info("delivery %s (%s) to %s: sent", *_named(delivery))

    def _put_off(self, delivery: Delivery, error: Exception) -> None:
        made = delivery.attempts
        if made >= self.node.tries:
            self._bury(delivery, error)
            return
        wait = pause(made, self.node.first_wait_seconds)
        postpone(
            self.store, delivery, _sentence(error), datetime.now(UTC) + timedelta(seconds=wait)
        )
        self._count("postponed")
        log.warning(
            "delivery %s (%s) to %s: %s; again in %.0f s",
            *_named(delivery),
            _for_log(error),
            wait,
        )

    def _bury(self, delivery: Delivery, error: Exception) -> None:
        bury(self.store, delivery, _sentence(error))
        self._count("dead")
        log.error(
            "delivery %s (%s) to %s: %s; given up, see fractura node dead",
            *_named(delivery),
            _for_log(error),
        )

    def _count(self, outcome: str) -> None:
        self.metrics.deliveries.labels(self.destination.name, outcome).inc()


def pause(attempts: int, first: float) -> float:
    """Seconds to wait after ``attempts`` failed ones: twice as long each time, up to an hour.

    A random tenth more or less keeps many results from coming back all at once.
    """
    longest = min(first * 2.0 ** min(attempts - 1, 30), LONGEST_WAIT)
    return longest * random.uniform(0.9, 1.1)


def _is_stored(status: int | None) -> bool:
    """Success, or a warning (PS3.7, C)."""
    return status is not None and (status == 0 or status >> 12 == 0xB)


def _named(delivery: Delivery) -> tuple[str, str, str]:
    return delivery.id, delivery.kind, delivery.destination


def _sentence(error: Exception) -> str:
    if isinstance(error, FracturaError):
        return str(error)
    return f"a fault in fractura ({type(error).__name__}), please report it"


def _for_log(error: Exception) -> str:
    """What the network says names no patient; other errors may quote what is in a file."""
    return str(error) if isinstance(error, DeliveryError) else type(error).__name__
