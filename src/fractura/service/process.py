"""One process of the service: the threads that read, deliver, ask archives and tidy up."""

from __future__ import annotations

import logging
import socket
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import cv2
import numpy as np

from fractura.dicom.results.common import import_highdicom
from fractura.errors import FracturaError
from fractura.imaging.radiograph import Radiograph
from fractura.parallel import processors
from fractura.reading.reader import Reader
from fractura.service.memory import return_freed_memory
from fractura.service.prometheus import Metrics, make_metrics
from fractura.service.settings import Node, ServiceSettings
from fractura.service.store.open import ServiceStore, close_store, open_store
from fractura.service.store.queue import QueueEntry, queue_length
from fractura.service.store.queue import entry as stored_entry
from fractura.service.work.loop import start_loop
from fractura.service.work.quiet import quiet_libraries
from fractura.service.work.readers import Readers
from fractura.service.work.sweep import sweep_once
from fractura.service.work.turns import ReaderInTurns

if TYPE_CHECKING:
    from fractura.dicom.network.node import RunningNode

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often one who waits asks for a reading that another process may have done."""


@dataclass(eq=False)
class Process:
    """What the parts of one process share.

    Attributes:
        model: name and version of the model, as readings name it.
        worker: names the process in leases; no other process ever has the same name.
        stopping: set when the process shall end.
        node: the DICOM node, where the settings have one.
    """

    settings: ServiceSettings
    store: ServiceStore
    reader: Reader
    model: str
    metrics: Metrics
    worker: str
    readers: Readers
    waiting: Waiting
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    node: RunningNode | None = None

    @property
    def node_port(self) -> int | None:
        """The port where the DICOM node listens."""
        return None if self.node is None else self.node.port


class Waiting:
    """Those who wait for readings, by the reading's id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, list[threading.Event]] = {}

    def add(self, reading_id: str) -> threading.Event:
        """One more waits."""
        event = threading.Event()
        with self._lock:
            self._events.setdefault(reading_id, []).append(event)
        return event

    def remove(self, reading_id: str, event: threading.Event) -> None:
        """One waits no longer."""
        with self._lock:
            events = self._events[reading_id]
            events.remove(event)
            if not events:
                del self._events[reading_id]

    def answered(self, reading_id: str) -> None:
        """Wake those who wait for a reading."""
        with self._lock:
            for event in self._events.get(reading_id, ()):
                event.set()


def start(settings: ServiceSettings) -> Process:
    """Open the store and the model, and start the threads and, where it is set, the node.

    Raises:
        StoreError: the database or the image store cannot be opened.
        ModelError: the model cannot.
        FracturaError: the node cannot listen.
    """
    quiet_libraries()
    return_freed_memory()
    count = settings.readers or processors()
    if count > 1:
        cv2.setNumThreads(1)
    threads = 1 if count > 1 else None
    reader = ReaderInTurns(settings.model, threads=threads, at_once=count)
    _warm_up(reader)
    store = open_store(settings)
    metrics = make_metrics(partial(queue_length, store))
    worker = f"{socket.gethostname()}/{uuid.uuid4().hex}"
    waiting = Waiting()
    process = Process(
        settings=settings,
        store=store,
        reader=reader,
        model=f"{reader.description.name} {reader.description.version}",
        metrics=metrics,
        worker=worker,
        readers=Readers(store, reader, metrics, worker, waiting.answered),
        waiting=waiting,
    )
    try:
        if settings.node:
            _start_node(process, settings.node)
    except BaseException:
        stop(process, 0)
        raise
    for number in range(count):
        _begin(process, f"reader {number + 1}", process.readers.step)
    _begin(process, "heartbeat", process.readers.beat)
    _begin(process, "retention", partial(sweep_once, store))
    log.info("started with %d readers and the model %s", count, process.model)
    return process


def stop(process: Process, grace_seconds: float) -> None:
    """Take nothing more, finish what runs within the time, and give the rest back."""
    deadline = monotonic() + grace_seconds
    if process.node:
        process.node.stop(grace_seconds)
    process.stopping.set()
    process.readers.work.set()
    for thread in process.threads:
        thread.join(max(0.0, deadline - monotonic()))
    process.readers.give_back()
    close_store(process.store)
    log.info("stopped")


def wait_for(process: Process, reading_id: str, seconds: float) -> QueueEntry:
    """The entry once it is done or failed, or as it is when the time is over.

    Raises:
        UnknownIdError: there is no such reading.
    """
    process.readers.work.set()
    deadline = monotonic() + seconds
    event = process.waiting.add(reading_id)
    try:
        while True:
            entry = stored_entry(process.store, reading_id)
            left = deadline - monotonic()
            if entry.state in ("done", "failed") or left <= 0 or process.stopping.is_set():
                return entry
            event.wait(min(left, POLL_SECONDS))
    finally:
        process.waiting.remove(reading_id, event)


def _warm_up(reader: Reader) -> None:
    """Read nothing once: a first reading takes ten times as long as the next."""
    reader.read(Radiograph(np.zeros((64, 64), np.float32), sha256=""))


def _begin(process: Process, name: str, step: Callable[[], float]) -> None:
    process.threads.append(start_loop(name, step, process.stopping))


def _start_node(process: Process, node: Node) -> None:
    """The node, and the threads that deliver and that ask archives.

    The ``dicom`` extra is imported here, so that a service without a node does without it.
    """
    try:
        import_highdicom()
        from fractura.dicom.network.node import start_node
        from fractura.service.work.deliver import Courier
        from fractura.service.work.options import node_options
        from fractura.service.work.poll import Poller
        from fractura.service.work.receive import Receiver
    except ModuleNotFoundError as error:
        raise FracturaError(
            f'the DICOM node needs {error.name}: pip install "fractura[serve,dicom]"'
        ) from error
    receiver = Receiver(
        process.store, process.model, node, process.metrics, process.readers.work.set
    )
    process.node = start_node(node_options(node), receiver.answer)
    log.info("the DICOM node %s listens on %s:%d", node.title, node.host, process.node.port)
    for destination in node.destinations:
        courier = Courier(
            process.store, process.reader, process.metrics, process.worker, node, destination
        )
        _begin(process, f"delivery to {destination.name}", courier.step)
    for archive in node.archives:
        poller = Poller(receiver, archive, process.stopping)
        _begin(process, f"archive {archive.name}", poller.step)
