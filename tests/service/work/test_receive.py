"""Success means that the object is on disk and in the database, and comes back in no other way."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from fractura.dicom.network.received import receive
from fractura.errors import SeveralFramesError
from fractura.service.prometheus import Metrics
from fractura.service.settings import Destination, Limits, Node, RuleSettings, ServiceSettings
from fractura.service.store.audit import audit_lines
from fractura.service.store.errors import ImageGoneError, StoreError
from fractura.service.store.open import ServiceStore, open_store
from fractura.service.store.queue import find, queue_length
from fractura.service.work import receive as module
from fractura.service.work.receive import Receiver
from tests.dicom.results.material import radiograph
from tests.service.store.examples import given_up

MODEL = "fractura-s 5"
NODE = Node(
    rules=(
        RuleSettings(read=False, body_parts=("CHEST",)),
        RuleSettings(modalities=("CR",), to=("archive",)),
        RuleSettings(modalities=("DX",)),
    ),
    destinations=(
        Destination(name="archive", url="http://127.0.0.1:1/"),
        Destination(name="pacs", kinds=("sr",), title="PACS", host="127.0.0.1", port=104),
    ),
)


def receiver(store: ServiceStore, metrics: Metrics, arrived: Any = lambda: None) -> Receiver:
    return Receiver(store, MODEL, NODE, metrics, arrived)


def came(**changes: Any) -> Any:
    return receive(radiograph(**changes), calling_title="MODALITY", address="10.0.0.1")


def test_an_object_is_kept_and_queued_before_success(store: ServiceStore, metrics: Metrics) -> None:
    arrived: list[bool] = []
    receives = receiver(store, metrics, lambda: arrived.append(True))
    assert receives.accept(came()) == "stored"
    digest = sha256(radiograph()).hexdigest()
    entry = find(store, digest, None, MODEL)
    assert entry is not None
    assert (entry.state, entry.is_dicom, arrived) == ("queued", True, [True])
    assert store.images.get(digest) == radiograph()
    assert metrics.registry.get_sample_value("fractura_received_total", {"outcome": "stored"}) == 1


def test_the_same_object_again_changes_nothing(store: ServiceStore, metrics: Metrics) -> None:
    receives = receiver(store, metrics)
    for _ in range(2):
        assert receives.accept(came()) == "stored"
    assert receives.accept(came(PatientID="another one")) == "stored"
    assert queue_length(store)["queued"] == 1
    assert len(audit_lines(store, datetime(2000, 1, 1, tzinfo=UTC), 100)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"BodyPartExamined": "CHEST"},
        {"Modality": "RF"},
        {"ImageType": ["DERIVED", "SECONDARY"]},
        {"Manufacturer": "fractura"},
    ],
)
def test_what_no_rule_reads_is_acknowledged_and_not_kept(
    store: ServiceStore, metrics: Metrics, changes: dict[str, Any]
) -> None:
    receives = receiver(store, metrics)
    assert receives.accept(came(**changes)) == "stored"
    assert receives.has("1.2.3.4")
    assert not any(queue_length(store).values())
    assert not store.images.has(sha256(radiograph(**changes)).hexdigest())


def test_several_frames_are_refused_where_they_would_be_read(
    store: ServiceStore, metrics: Metrics
) -> None:
    receives = receiver(store, metrics)
    with pytest.raises(SeveralFramesError, match="it has 12 frames"):
        receives.answer(came(NumberOfFrames=12))
    assert not receives.has("1.2.3.4")
    assert metrics.registry.get_sample_value("fractura_received_total", {"outcome": "refused"}) == 1
    assert receives.answer(came(NumberOfFrames=12, BodyPartExamined="CHEST")) == "stored"
    assert not any(queue_length(store).values())
    assert receives.answer(came(NumberOfFrames=1, SOPInstanceUID="1.2.3.9")) == "stored"
    assert queue_length(store)["queued"] == 1


def test_an_object_whose_reading_was_given_up_is_read_when_it_is_sent_again(
    store: ServiceStore, metrics: Metrics
) -> None:
    receives = receiver(store, metrics)
    assert receives.accept(came()) == "stored"
    failed = given_up(store)
    assert receives.accept(came(PatientID="another one")) == "stored"
    assert queue_length(store)["queued"] == 0
    store.images.delete(failed.sha256)
    assert receives.accept(came()) == "stored"
    assert queue_length(store)["queued"] == 1
    assert store.images.has(failed.sha256)


@pytest.mark.parametrize(
    "limits", [Limits(queued=1), Limits(free_megabytes=10**9)], ids=["queue", "disk"]
)
def test_full_is_said_and_the_object_may_come_again(
    tmp_path: Path, metrics: Metrics, limits: Limits
) -> None:
    full = open_store(ServiceSettings(data=tmp_path / "full", limits=limits))
    receives = receiver(full, metrics)
    outcomes = [receives.accept(came(SOPInstanceUID=f"1.2.{number}")) for number in (1, 2)]
    assert outcomes[1] == "full"
    assert not receives.has("1.2.2")
    roomy = open_store(ServiceSettings(data=tmp_path / "full"))
    assert receiver(roomy, metrics).accept(came(SOPInstanceUID="1.2.2")) == "stored"


def test_an_image_that_retention_took_meanwhile_is_put_again(
    store: ServiceStore, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, calls = module.accept_instance, []

    def gone_once(*args: Any, **kwargs: Any) -> bool:
        calls.append(kwargs["sha256"])
        if len(calls) == 1:
            store.images.delete(kwargs["sha256"])
            raise ImageGoneError("gone")
        return accept(*args, **kwargs)

    monkeypatch.setattr(module, "accept_instance", gone_once)
    assert receiver(store, metrics).accept(came()) == "stored"
    assert store.images.has(calls[0])


def test_no_success_where_the_database_does_not_answer(
    store: ServiceStore, metrics: Metrics
) -> None:
    receives = receiver(store, metrics)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instances")
    with pytest.raises(StoreError):
        receives.accept(came())


@pytest.mark.parametrize(
    ("modality", "expected"),
    [
        ("CR", [("archive", "sr"), ("archive", "gsps"), ("archive", "sc")]),
        ("DX", [("archive", "sr"), ("archive", "gsps"), ("archive", "sc"), ("pacs", "sr")]),
    ],
)
def test_a_rule_says_where_results_go(modality: str, expected: list[tuple[str, str]]) -> None:
    verdict = module.decide(came(Modality=modality), NODE.rules)
    assert list(module.targets(NODE, verdict)) == expected
