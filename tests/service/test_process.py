"""One process: what comes by DICOM goes back, those who wait hear of it, and it ends well."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("pynetdicom")

from fractura.errors import FracturaError
from fractura.service.process import Process, start, stop, wait_for
from fractura.service.settings import Destination, Node, Peer, ServiceSettings
from fractura.service.store.errors import UnknownIdError
from fractura.service.store.queue import QueueEntry, entries, entry, submit
from fractura.service.work.loop import start_loop
from tests.dicom.results.material import radiograph
from tests.service.work.receiver import RESULTS, pacs, send


@contextmanager
def running(folder: Path, **changes: Any) -> Iterator[Process]:
    process = start(ServiceSettings(data=folder, readers=2, **changes))
    try:
        yield process
    finally:
        stop(process, 10)


def ask(process: Process, number: int) -> QueueEntry:
    data = radiograph(SOPInstanceUID=f"1.2.{number}")
    return submit(
        process.store,
        sha256=process.store.images.put(data),
        frame=None,
        model=process.model,
        is_dicom=True,
        who="test",
    )[0]


def test_a_radiograph_comes_and_its_results_go_back(tmp_path: Path) -> None:
    with pacs() as (port, received):
        node = Node(
            port=0,
            peers=(Peer(title="MODALITY", address="127.0.0.1"),),
            destinations=(Destination(name="pacs", title="PACS", host="127.0.0.1", port=port),),
        )
        with running(tmp_path, node=node) as process:
            assert process.node_port
            assert send(radiograph(), process.node_port) == 0x0000
            assert send(radiograph(), process.node_port, title="STRANGER") is None
            end = time.monotonic() + 20
            while len(received.objects) < 3 and time.monotonic() < end:
                time.sleep(0.05)
            scraped = process.metrics.registry.get_sample_value
            assert scraped("fractura_received_total", {"outcome": "stored"}) == 1
        assert received.classes() == sorted(RESULTS)


def test_those_who_wait_hear_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fractura.service.process.POLL_SECONDS", 60.0)
    with running(tmp_path) as process:
        begun = time.monotonic()
        for number in range(4):
            assert wait_for(process, ask(process, number).id, 60).state == "done"
        assert time.monotonic() - begun < 30
        with pytest.raises(UnknownIdError):
            wait_for(process, "0" * 32, 1)


def test_the_wait_ends_with_its_time(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.stopping.set()
        time.sleep(0.6)
        process.stopping.clear()
        wanted = ask(process, 1)
        begun = time.monotonic()
        assert wait_for(process, wanted.id, 0.2).state == "queued"
        assert 0.2 <= time.monotonic() - begun < 5


def test_stopping_answers_or_gives_back_everything(tmp_path: Path) -> None:
    process = start(ServiceSettings(data=tmp_path, readers=2))
    for number in range(30):
        ask(process, number)
    time.sleep(0.2)
    stop(process, 10)
    with running(tmp_path) as again:
        left = entries(again.store, before=None, limit=100, state=None)
        assert len(left) == 30
        for item in left:
            assert wait_for(again, item.id, 20).state == "done"
        assert {entry(again.store, item.id).attempts for item in left} == {1}


def test_a_port_that_is_taken_is_an_error_and_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with pacs() as (port, _), pytest.raises(FracturaError, match=str(port)):
        start(ServiceSettings(data=tmp_path, node=Node(port=port)))
    time.sleep(0.2)
    assert threading.active_count() <= before


def test_no_error_ends_a_loop(caplog: Any) -> None:
    stopping, calls = threading.Event(), []

    def step() -> float:
        calls.append(time.monotonic())
        if len(calls) == 3:
            stopping.set()
        raise RuntimeError("Doe^Jane")

    start_loop("test", step, stopping, first_pause=0.05).join(5)
    assert len(calls) == 3
    assert calls[1] - calls[0] >= 0.05
    assert calls[2] - calls[1] >= 0.1
    assert "RuntimeError" in caplog.text
    assert "Doe" not in caplog.text
