"""An archive's radiographs are taken once, and one that fails is asked more and more rarely."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from fractura.dicom.network.errors import ArchiveError
from fractura.dicom.network.web import InstanceReference
from fractura.service.prometheus import Metrics
from fractura.service.settings import Archive, Limits, Node
from fractura.service.store.open import ServiceStore
from fractura.service.store.queue import queue_length
from fractura.service.work import poll
from fractura.service.work.poll import Poller
from fractura.service.work.receive import Receiver
from tests.dicom.results.material import radiograph


class FakeArchive:
    """Objects by UID; those in ``broken`` cannot be fetched."""

    def __init__(self, count: int) -> None:
        self.uids = [f"1.2.{number}" for number in range(1, count + 1)]
        self.broken: set[str] = set()
        self.answers = True
        self.fetched: list[str] = []

    def new_images(
        self, url: str, token: str | None, modalities: tuple[str, ...], since: datetime
    ) -> Iterator[InstanceReference]:
        if not self.answers:
            raise ArchiveError(f"{url}: is down")
        for uid in self.uids:
            yield InstanceReference("1.2.3", "1.2.3.5", uid, "1.2.840.10008.5.1.4.1.1.1")

    def fetch(self, url: str, token: str | None, reference: InstanceReference) -> bytes:
        self.fetched.append(reference.sop_instance_uid)
        if reference.sop_instance_uid in self.broken:
            raise ArchiveError(f"{url}: gives no object")
        return radiograph(SOPInstanceUID=reference.sop_instance_uid)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> FakeArchive:
    fake = FakeArchive(3)
    monkeypatch.setattr(poll, "new_images", fake.new_images)
    monkeypatch.setattr(poll, "fetch", fake.fetch)
    return fake


@pytest.fixture
def poller(store: ServiceStore, metrics: Metrics) -> Poller:
    receiver = Receiver(store, "fractura-s 5", Node(), metrics, lambda: None)
    return Poller(receiver, Archive(name="vna", url="http://vna/"), threading.Event())


def test_what_was_taken_is_not_taken_again(
    archive: FakeArchive, poller: Poller, store: ServiceStore
) -> None:
    assert [poller.step(), poller.step()] == [60, 60]
    archive.uids.append("1.2.9")
    poller.step()
    assert archive.fetched == ["1.2.1", "1.2.2", "1.2.3", "1.2.9"]
    assert queue_length(store)["queued"] == 4


def test_a_broken_object_holds_nothing_up_and_is_asked_for_again(
    archive: FakeArchive, poller: Poller, store: ServiceStore
) -> None:
    archive.broken = {"1.2.2"}
    assert poller.step() == 60
    assert queue_length(store)["queued"] == 2
    archive.broken = set()
    poller.step()
    assert queue_length(store)["queued"] == 3


def test_an_archive_that_is_down_is_asked_ever_more_rarely(
    archive: FakeArchive, poller: Poller
) -> None:
    archive.answers = False
    assert [poller.step() for _ in range(7)] == [120, 240, 480, 960, 1920, 3600, 3600]
    archive.answers = True
    assert poller.step() == 60


def test_a_full_queue_ends_the_round(
    archive: FakeArchive, store: ServiceStore, metrics: Metrics
) -> None:
    narrow = Receiver(
        replace(store, limits=Limits(queued=1)), "fractura-s 5", Node(), metrics, lambda: None
    )
    poller = Poller(narrow, Archive(name="vna", url="http://vna/"), threading.Event())
    assert poller.step() == 60
    assert archive.fetched == ["1.2.1", "1.2.2"]
    poller.receiver = replace(narrow, store=store)
    poller.step()
    assert queue_length(store)["queued"] == 3


def test_a_round_ends_when_the_process_does(archive: FakeArchive, poller: Poller) -> None:
    poller.stopping.set()
    poller.step()
    assert archive.fetched == []
