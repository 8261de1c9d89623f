"""Take DICOM objects in: from a sender by C-STORE, or from an archive."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from fractura.dicom.network.node import Outcome
from fractura.dicom.network.received import Received
from fractura.dicom.network.rules import Verdict, decide
from fractura.errors import SeveralFramesError
from fractura.service.prometheus import Metrics
from fractura.service.settings import Node, ResultKind
from fractura.service.store.errors import DiskFullError, ImageGoneError, QueueFullError
from fractura.service.store.instances import accept_instance, has_instance, is_instance_given_up
from fractura.service.store.open import ServiceStore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Receiver:
    """Makes each object safe before anyone is told that it came.

    Attributes:
        arrived: called when there is something new to read.
    """

    store: ServiceStore
    model: str
    node: Node
    metrics: Metrics
    arrived: Callable[[], None]

    def answer(self, received: Received) -> Outcome:
        """:meth:`accept`, for a sender who can be told what certainly cannot be read.

        Raises:
            SeveralFramesError: the rules read it, but it has several frames.
        """
        if received.frames > 1 and decide(received, self.node.rules).read:
            self.metrics.received.labels("refused").inc()
            log.warning(
                "object %s refused: it has %d frames", received.sop_instance_uid, received.frames
            )
            raise SeveralFramesError(
                f"it has {received.frames} frames; send each as an image of its own"
            )
        return self.accept(received)

    def accept(self, received: Received) -> Outcome:
        """Write the object to disk, then its rows to the database.

        ``"stored"`` means that it will be read and delivered whatever happens to this process;
        ``"full"`` that the queue or the disk is, and the sender shall come again.
        """
        try:
            outcome = self._accept(received)
        except (QueueFullError, DiskFullError) as error:
            log.warning("object %s: %s", received.sop_instance_uid, type(error).__name__)
            outcome = "full"
        self.metrics.received.labels(outcome).inc()
        return outcome

    def has(self, sop_instance_uid: str) -> bool:
        """Whether the object came before, whatever became of it."""
        return has_instance(self.store, sop_instance_uid, self.model)

    def _accept(self, received: Received) -> Outcome:
        if self.has(received.sop_instance_uid) and not self._was_given_up(received):
            return "stored"
        verdict = decide(received, self.node.rules)
        try:
            self._store(received, verdict)
        except ImageGoneError:
            # It was an old one, which the retention deleted after it was put again.
            self._store(received, verdict)
        log.info("object %s: %s", received.sop_instance_uid, verdict.reason)
        self.arrived()
        return "stored"

    def _was_given_up(self, received: Received) -> bool:
        digest = sha256(received.data).hexdigest()
        return is_instance_given_up(self.store, received.sop_instance_uid, self.model, digest)

    def _store(self, received: Received, verdict: Verdict) -> None:
        data = received.data
        accept_instance(
            self.store,
            sop_instance_uid=received.sop_instance_uid,
            study_uid=received.study_uid,
            series_uid=received.series_uid,
            sha256=self.store.images.put(data) if verdict.read else sha256(data).hexdigest(),
            model=self.model,
            origin=f"{received.calling_title}@{received.address}",
            destinations=targets(self.node, verdict) if verdict.read else (),
            read=verdict.read,
            reason=verdict.reason,
        )


def targets(node: Node, verdict: Verdict) -> tuple[tuple[str, ResultKind], ...]:
    """Where which kinds of results go."""
    return tuple(
        (destination.name, kind)
        for destination in node.destinations
        if not verdict.to or destination.name in verdict.to
        for kind in destination.kinds
    )
