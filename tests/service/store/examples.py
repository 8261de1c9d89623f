"""What several tests of the store put into it."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from fractura.findings import Box, Finding, Reading
from fractura.service.store.instances import accept_instance
from fractura.service.store.open import ServiceStore
from fractura.service.store.queue import ATTEMPTS, QueueEntry, claim, entry, finish, submit

MODEL = "fractura-s 1"

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def start_process(run: Callable[..., object], *arguments: object) -> BaseProcess:
    """Run a function in a process of its own, which is forked from one without threads."""
    process = CONTEXT.Process(target=run, args=arguments)
    process.start()
    return process


def submitted(
    store: ServiceStore, data: bytes, *, frame: int | None = None, is_dicom=False
) -> QueueEntry:
    """The entry of an image that was put and submitted now."""
    sha256 = store.images.put(data)
    return submit(store, sha256=sha256, frame=frame, model=MODEL, is_dicom=is_dicom, who="someone")[
        0
    ]


def reading_of(entry: QueueEntry) -> Reading:
    return Reading(
        path="of the sender.png",
        sha256=entry.sha256,
        model=entry.model,
        width=10,
        height=20,
        probability=0.75,
        decision="fracture",
        findings=(Finding("fracture", 0.5, Box(1, 2, 3, 4)),),
    )


def finished(store: ServiceStore, data: bytes, **more) -> QueueEntry:
    """The entry of an image that was submitted and, being the only one in the queue, read."""
    submitted(store, data, **more)
    taken = claim(store, "reader", 60)
    assert finish(store, taken, "reader", reading_of(taken))
    return taken


def given_up(store: ServiceStore) -> QueueEntry:
    """The only entry to do, after the process has ended too often under it."""
    attempts = [claim(store, "reader", 0) for _ in range(ATTEMPTS + 1)]
    assert attempts[-1] is None
    assert attempts[0]
    return entry(store, attempts[0].id)


def accept(
    store: ServiceStore, sop_instance_uid: str, data: bytes, *, destinations, read: bool = True
) -> bool:
    """Put and accept a DICOM object."""
    return accept_instance(
        store,
        sop_instance_uid=sop_instance_uid,
        study_uid="1.2.3",
        series_uid="1.2.3.4",
        sha256=store.images.put(data),
        model=MODEL,
        origin="SENDER",
        destinations=destinations,
        read=read,
        reason="a rule says so",
    )
