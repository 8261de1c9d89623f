"""Processes that share a store, and processes that are killed."""

import os
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Thread

from sqlalchemy import event

from fractura.service.store.audit import audit_lines
from fractura.service.store.deliveries import claim_deliveries, delivered, deliveries_of
from fractura.service.store.open import close_store, open_store, writing
from fractura.service.store.queue import claim, entries, finish
from fractura.service.store.retention import sweep
from fractura.service.store.tables import metadata
from tests.service.store.examples import CONTEXT, accept, reading_of, start_process, submitted

TO = (("pacs", "sr"), ("pacs", "gsps"))
AGO = datetime.now(UTC) - timedelta(days=1)


def _read_all(settings, name, barrier):
    """Take a job, wait until the other process has one too, and read with three threads."""
    store = open_store(settings)
    first = claim(store, name, 60)
    assert first
    barrier.wait(60)

    def work(worker):
        while taken := claim(store, worker, 60):
            time.sleep(0.01)
            assert finish(store, taken, worker, reading_of(taken))

    threads = [Thread(target=work, args=(f"{name}-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    assert finish(store, first, name, reading_of(first))
    for thread in threads:
        thread.join()
    close_store(store)


def test_processes_share_a_queue_without_a_lost_or_doubled_job(settings):
    store = open_store(settings)
    ids = [submitted(store, bytes([number])).id for number in range(40)]
    barrier = CONTEXT.Barrier(2)
    processes = [start_process(_read_all, settings, name, barrier) for name in "ab"]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert sorted(e.id for e in entries(store, before=None, limit=200, state="done")) == sorted(ids)
    read = [line for line in audit_lines(store, AGO, 1000) if line.action == "read"]
    assert len({line.sha256 for line in read}) == len(read) == 40
    assert {line.who[0] for line in read} == {"a", "b"}
    close_store(store)


def _whole_life(store):
    """Everything that is written for one object, from its coming to its delivery."""
    accept(store, "1.2", b"one", destinations=TO)
    while taken := claim(store, "reader", 0):
        finish(store, taken, "reader", reading_of(taken))
    while found := claim_deliveries(store, "sender", 0, 10):
        for delivery in found:
            delivered(store, delivery)
    sweep(store, datetime.now(UTC) + timedelta(hours=25))


def _live_and_die(settings, steps):
    """Kill this process before the statement or commit of number ``steps``."""
    store = open_store(settings)
    count = 0

    def step(*_):
        nonlocal count
        count += 1
        if count == steps:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(store.engine, "before_cursor_execute", step)
    event.listen(store.engine, "commit", step)
    _whole_life(store)


def test_killed_before_any_statement_all_ends_exactly_once(settings, store):
    """The object comes again, as its sender saw no success; then all goes on."""
    stride = 1 if store.engine.dialect.name == "sqlite" else 5
    for step in range(1, 200, stride):
        process = start_process(_live_and_die, settings, step)
        process.join(60)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        deadline = time.monotonic() + 10
        while True:
            # PostgreSQL may need a moment to see that a client is gone and to free its rows.
            _whole_life(store)
            (done,) = entries(store, before=None, limit=9, state=None)
            if not done.image_kept or time.monotonic() > deadline:
                break
        assert (done.state, done.image_kept) == ("done", False)
        assert sorted((d.kind, d.state) for d in deliveries_of(store, done.id)) == [
            ("gsps", "sent"),
            ("sr", "sent"),
        ]
        assert not store.images.has(done.sha256)
        lines = Counter(line.action for line in audit_lines(store, AGO, 100))
        assert lines == {"submit": 1, "read": 1}
        _empty(store)
    assert step > 25


def _empty(store):
    with writing(store) as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
