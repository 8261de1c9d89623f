"""Take radiographs from the queue and read them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from fractura.errors import LoadError
from fractura.reading.reader import Reader
from fractura.service.prometheus import Metrics
from fractura.service.store.errors import ImageGoneError, StoreError
from fractura.service.store.open import ServiceStore
from fractura.service.store.queue import QueueEntry, claim, extend, fail, finish, release

log = logging.getLogger(__name__)

LEASE_SECONDS = 15.0
"""How long a reading belongs to a reader that gives no sign of life."""
IDLE_SECONDS = 0.5
"""How long an idle reader waits until it asks for the work that other processes accepted."""


@dataclass(eq=False)
class Readers:
    """The readers of one process.

    Attributes:
        worker: names this process in leases; no other process ever has the same.
        answered: called with the id of each reading that got its answer here.
        held: what is being read now.
        work: set when something may have come into the queue.
    """

    store: ServiceStore
    reader: Reader
    metrics: Metrics
    worker: str
    answered: Callable[[str], None]
    held: dict[str, QueueEntry] = field(default_factory=dict)
    work: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self) -> float:
        """Read one radiograph, if one waits; the seconds to rest before the next."""
        self.work.clear()
        entry = claim(self.store, self.worker, LEASE_SECONDS)
        if entry is None:
            self.work.wait(IDLE_SECONDS)
            return 0.0
        with self._lock:
            self.held[entry.id] = entry
        try:
            self._answer(entry)
        finally:
            with self._lock:
                self.held.pop(entry.id, None)
        self.answered(entry.id)
        return 0.0

    def beat(self) -> float:
        """Prolong the leases of all that is being read; the seconds until the next time."""
        for entry in self._all_held():
            extend(self.store, entry, self.worker, LEASE_SECONDS)
        return LEASE_SECONDS / 3

    def give_back(self) -> None:
        """Put what is still being read back into the queue; its answer will not be stored."""
        for entry in self._all_held():
            release(self.store, entry, self.worker)

    def _all_held(self) -> list[QueueEntry]:
        with self._lock:
            return list(self.held.values())

    def _answer(self, entry: QueueEntry) -> None:
        start = perf_counter()
        try:
            data = self.store.images.get(entry.sha256)
        except ImageGoneError as error:
            self._fail(entry, error)
            return
        except StoreError:
            release(self.store, entry, self.worker)
            raise
        try:
            reading = self.reader.read_bytes(data, frame=entry.frame)
        except Exception as error:
            self._fail(entry, error)
            return
        if finish(self.store, entry, self.worker, reading):
            self.metrics.readings.labels(reading.decision).inc()
            self.metrics.reading_seconds.observe(perf_counter() - start)
            log.info("reading %s is done", entry.id)

    def _fail(self, entry: QueueEntry, error: Exception) -> None:
        kind = type(error).__name__
        if fail(self.store, entry, self.worker, kind, explain(error)):
            self.metrics.failures.labels(kind).inc()
            log.warning("reading %s failed: %s", entry.id, kind)


def explain(error: Exception) -> str:
    """One sentence on why a radiograph could not be read, with nothing from the file in it."""
    if isinstance(error, LoadError | ImageGoneError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the image: there is not enough memory for it; run fewer readers"
    return f"the image: a fault in fractura ({type(error).__name__}), please report it"
