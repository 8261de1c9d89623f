"""Every radiograph in the queue gets one answer, whatever is in the file or happens meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from fractura.findings import Reading
from fractura.imaging.load import load_bytes
from fractura.reading.reader import Reader
from fractura.service.prometheus import Metrics
from fractura.service.store.open import ServiceStore
from fractura.service.store.queue import QueueEntry, claim, entry, submit
from fractura.service.work.readers import Readers
from tests.dicom.results.material import radiograph


def waiting(store: ServiceStore, data: bytes) -> QueueEntry:
    digest = store.images.put(data)
    return submit(
        store, sha256=digest, frame=None, model="fractura-s 5", is_dicom=True, who="test"
    )[0]


@pytest.fixture
def readers(store: ServiceStore, reader: Reader, metrics: Metrics) -> Readers:
    return Readers(store, reader, metrics, "this", [].append)


def test_a_reading_is_that_of_the_bytes(
    readers: Readers, reader: Reader, store: ServiceStore
) -> None:
    answered: list[str] = []
    readers.answered = answered.append
    wanted = waiting(store, radiograph())
    assert readers.step() == 0
    done = entry(store, wanted.id)
    assert (done.state, done.attempts, answered) == ("done", 1, [wanted.id])
    assert done.result is not None
    assert Reading.from_dict(done.result).as_dict() == {
        **reader.read(load_bytes(radiograph())).as_dict(),
        "milliseconds": done.result["milliseconds"],
    }
    assert set(done.result["milliseconds"]) == {"decode", "preprocess", "network", "boxes"}
    value = readers.metrics.registry.get_sample_value
    assert value("fractura_readings_total", {"decision": "fracture"}) == 1
    assert value("fractura_reading_seconds_count") == 1
    assert value("fractura_queue", {"state": "done"}) == 1


def test_what_cannot_be_read_fails_once_and_the_others_go_on(
    readers: Readers, store: ServiceStore
) -> None:
    bad = [waiting(store, data) for data in (b"", b"no image", radiograph()[:-1000])]
    good = waiting(store, radiograph(SOPInstanceUID="1.2.3.5"))
    for _ in range(4):
        readers.step()
    states = [entry(store, item.id) for item in bad]
    assert [item.error and item.error["type"] for item in states] == [
        "DamagedFileError",
        "UnsupportedFileError",
        "DamagedFileError",
    ]
    assert all("the image: " in item.error["message"] for item in states if item.error)
    assert entry(store, good.id).state == "done"


def test_a_fault_says_nothing_of_the_file(
    readers: Readers, store: ServiceStore, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fault(*_: object, **__: object) -> Reading:
        raise ValueError("Doe^Jane")

    monkeypatch.setattr(readers.reader, "read", fault, raising=True)
    wanted = waiting(store, radiograph())
    readers.step()
    monkeypatch.undo()
    failed = entry(store, wanted.id)
    assert failed.error == {
        "type": "ValueError",
        "message": "the image: a fault in fractura (ValueError), please report it",
    }
    assert "Doe" not in caplog.text


def test_a_missing_image_is_a_failure_of_its_reading(readers: Readers, store: ServiceStore) -> None:
    wanted = waiting(store, radiograph())
    store.images.delete(wanted.sha256)
    readers.step()
    failed = entry(store, wanted.id)
    assert failed.error is not None
    assert failed.error["type"] == "ImageGoneError"


def test_a_beat_keeps_what_is_read_from_others(readers: Readers, store: ServiceStore) -> None:
    wanted = waiting(store, radiograph())
    mine = claim(store, "this", 0.0)
    assert mine is not None
    readers.held[wanted.id] = mine
    assert 0 < readers.beat() < 15
    assert claim(store, "other", 15) is None


def test_what_was_given_back_is_read_by_another_and_answered_once(
    readers: Readers, store: ServiceStore, reader: Reader, metrics: Metrics
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        def read_bytes(self, *args: Any, **options: Any) -> Reading:
            begun.set()
            go_on.wait(10)
            return replace(reader.read_bytes(*args, **options), probability=0.0)

    readers.reader = Slow()  # type: ignore[assignment]
    wanted = waiting(store, radiograph())
    thread = threading.Thread(target=readers.step)
    thread.start()
    assert begun.wait(10)
    readers.give_back()
    other = Readers(store, reader, metrics, "other", [].append)
    other.step()
    go_on.set()
    thread.join()
    done = entry(store, wanted.id)
    assert (done.state, done.attempts) == ("done", 1)
    assert done.result is not None
    assert done.result["fracture"]["probability"] > 0.5
    assert metrics.registry.get_sample_value("fractura_reading_seconds_count") == 1
