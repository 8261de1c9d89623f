"""Every result arrives in the end, or is on the list of dead letters."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import uid

from fractura.dicom.network.received import receive
from fractura.reading.reader import Reader
from fractura.service.prometheus import Metrics
from fractura.service.settings import Destination, Node
from fractura.service.store.deliveries import dead_letters, deliveries_of, retry_dead
from fractura.service.store.open import ServiceStore
from fractura.service.store.queue import entries
from fractura.service.work import deliver
from fractura.service.work.deliver import Courier, pause
from fractura.service.work.readers import Readers
from fractura.service.work.receive import Receiver
from tests.dicom.results.material import radiograph
from tests.service.work.receiver import RESULTS, Received, pacs


def courier(
    store: ServiceStore,
    reader: Reader,
    metrics: Metrics,
    port: int,
    name: str = "pacs",
    **changes: Any,
) -> Courier:
    to = Destination(name=name, title="PACS", host="127.0.0.1", port=port)
    node = Node(destinations=(to,), **{"tries": 2, "first_wait_seconds": 0.01, **changes})
    return Courier(store, reader, metrics, "this", node, to)


def read(store: ServiceStore, reader: Reader, metrics: Metrics, *names: str) -> str:
    """A radiograph that was received and read; its reading's id."""
    node = Node(
        destinations=tuple(
            Destination(name=name, title="PACS", host="127.0.0.1", port=104) for name in names
        )
    )
    Receiver(store, "fractura-s 5", node, metrics, lambda: None).accept(receive(radiograph()))
    Readers(store, reader, metrics, "this", [].append).step()
    return entries(store, before=None, limit=1, state="done")[0].id


def states(store: ServiceStore, reading_id: str) -> Counter[tuple[str, str]]:
    return Counter((item.destination, item.state) for item in deliveries_of(store, reading_id))


def test_results_arrive_once(store: ServiceStore, reader: Reader, metrics: Metrics) -> None:
    reading_id = read(store, reader, metrics, "pacs")
    with pacs() as (port, received):
        sends = courier(store, reader, metrics, port)
        assert sends.step() == 0
        assert sends.step() > 0
    assert received.classes() == sorted(RESULTS)
    assert states(store, reading_id) == {("pacs", "sent"): 3}
    labels = {"destination": "pacs", "outcome": "sent"}
    assert metrics.registry.get_sample_value("fractura_deliveries_total", labels) == 3


def test_bytes_are_the_same_each_time(
    store: ServiceStore, reader: Reader, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(store, reader, metrics, "pacs")
    monkeypatch.setattr(deliver, "delivered", lambda *_: None)
    monkeypatch.setattr(deliver, "LEASE_SECONDS", 0.0)
    with pacs() as (port, received):
        sends = courier(store, reader, metrics, port)
        sends.step()
        sends.step()
    assert len(received.objects) == 6
    assert len(set(received.objects)) == 3


def test_one_refused_object_does_not_keep_the_others_back(
    store: ServiceStore, reader: Reader, metrics: Metrics
) -> None:
    reading_id = read(store, reader, metrics, "pacs")
    refusing = Received(refused=(uid.GrayscaleSoftcopyPresentationStateStorage,))
    with pacs(received=refusing) as (port, _):
        sends = courier(store, reader, metrics, port)
        sends.step()
        assert states(store, reading_id) == {("pacs", "sent"): 2, ("pacs", "waiting"): 1}
        while not dead_letters(store):
            sends.step()
    (letter,) = dead_letters(store)
    assert (letter.kind, letter.attempts) == ("gsps", 2)
    assert "0xA900" in str(letter.error)


def test_dead_letters_are_delivered_on_request(
    store: ServiceStore, reader: Reader, metrics: Metrics, caplog: Any
) -> None:
    reading_id = read(store, reader, metrics, "pacs")
    with pacs() as (port, _):
        pass
    down = courier(store, reader, metrics, port)
    while len(dead_letters(store)) < 3:
        down.step()
    assert all("no connection" in str(letter.error) for letter in dead_letters(store))
    assert down.step() > 0
    assert retry_dead(store) == 3
    with pacs(port) as (_, received):
        down.step()
    assert received.classes() == sorted(RESULTS)
    assert states(store, reading_id) == {("pacs", "sent"): 3}
    assert "Doe" not in caplog.text
    assert "Jane" not in caplog.text


def test_a_destination_that_hangs_does_not_hold_up_another(
    store: ServiceStore, reader: Reader, metrics: Metrics
) -> None:
    reading_id = read(store, reader, metrics, "hangs", "pacs")
    with pacs() as (port, received):
        courier(store, reader, metrics, port, name="pacs").step()
    assert received.classes() == sorted(RESULTS)
    assert states(store, reading_id) == {("pacs", "sent"): 3, ("hangs", "waiting"): 3}


def test_a_fault_while_sending_counts_as_an_attempt(
    store: ServiceStore, reader: Reader, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(store, reader, metrics, "pacs")

    def fault(*_: object, **__: object) -> None:
        raise RuntimeError("Doe^Jane")

    monkeypatch.setattr(deliver, "c_store", fault)
    sends = courier(store, reader, metrics, 104, tries=1)
    sends.step()
    assert {letter.error for letter in dead_letters(store)} == {
        "a fault in fractura (RuntimeError), please report it"
    }


@pytest.mark.parametrize("gone", ["image", "model"])
def test_what_cannot_be_made_says_why(
    store: ServiceStore, reader: Reader, metrics: Metrics, gone: str
) -> None:
    reading_id = read(store, reader, metrics, "pacs")
    sends = courier(store, reader, metrics, 104)
    if gone == "image":
        store.images.delete(entries(store, before=None, limit=1, state=None)[0].sha256)
    else:
        sends = replace(sends, reader=Newer(reader))  # type: ignore[arg-type]
    sends.step()
    errors = {str(item.error) for item in deliveries_of(store, reading_id)}
    if gone == "image":
        assert states(store, reading_id) == {("pacs", "dead"): 3}
        assert "no longer kept" in errors.pop()
    else:
        assert states(store, reading_id) == {("pacs", "waiting"): 3}
        assert "made by fractura-s 5" in errors.pop()


class Newer:
    """A reader with a newer model."""

    def __init__(self, reader: Reader) -> None:
        self.description = replace(reader.description, version="newer")


@given(st.integers(1, 1000), st.floats(0.001, 100))
def test_pauses_double_up_to_an_hour(attempts: int, first: float) -> None:
    expected = min(first * 2 ** (attempts - 1), 3600)
    assert 0.9 * expected <= pause(attempts, first) <= 1.1 * expected
