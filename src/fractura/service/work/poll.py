"""Ask DICOMweb archives for new radiographs."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fractura.dicom.network.errors import ArchiveError
from fractura.dicom.network.received import receive
from fractura.dicom.network.web import fetch, new_images
from fractura.errors import FracturaError
from fractura.service.settings import Archive
from fractura.service.work.receive import Receiver

log = logging.getLogger(__name__)

LONGEST_WAIT = 3600.0


@dataclass(eq=False)
class Poller:
    """Takes from one archive what did not come before.

    Attributes:
        stopping: ends the round when it is set.
        failed: rounds in a row that brought nothing but errors.
    """

    receiver: Receiver
    archive: Archive
    stopping: threading.Event
    failed: int = 0

    def step(self) -> float:
        """One round; the seconds until the next, twice as many after each that failed."""
        try:
            taken, lost = self._round()
        except ArchiveError as error:
            log.warning("archive %s: %s", self.archive.name, error)
            taken, lost = 0, 1
        self.failed = self.failed + 1 if lost and not taken else 0
        every = self.archive.every_seconds
        return max(every, min(every * 2.0 ** min(self.failed, 30), LONGEST_WAIT))

    def _round(self) -> tuple[int, int]:
        """How many objects were taken and how many could not be.

        Raises:
            ArchiveError: the archive does not answer.
            StoreError: the store does not.
        """
        archive = self.archive
        since = datetime.now(UTC) - timedelta(days=archive.days)
        taken = lost = 0
        for reference in new_images(archive.url, archive.token, archive.modalities, since):
            if self.stopping.is_set():
                break
            if self.receiver.has(reference.sop_instance_uid):
                continue
            try:
                data = fetch(archive.url, archive.token, reference)
                received = receive(data, address=archive.name)
            except FracturaError as error:
                log.warning(
                    "archive %s: object %s: %s",
                    archive.name,
                    reference.sop_instance_uid,
                    type(error).__name__,
                )
                lost += 1
                continue
            outcome = self.receiver.accept(received)
            if outcome == "full":
                return taken, lost + 1
            taken += 1
        return taken, lost
