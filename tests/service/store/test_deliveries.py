"""What waits for a reading is sent once, wherever it came first."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest

from fractura.service.store.deliveries import (
    bury,
    claim_deliveries,
    dead_letters,
    delivered,
    deliveries_of,
    postpone,
    retry_dead,
)
from fractura.service.store.errors import ImageGoneError, QueueFullError
from fractura.service.store.instances import accept_instance, has_instance
from fractura.service.store.open import close_store, open_store
from fractura.service.store.queue import claim, fail, find, finish, queue_length
from tests.service.store.examples import MODEL, accept, finished, given_up, reading_of

PACS = (("pacs", "sr"), ("pacs", "gsps"))


def _places(store, entry):
    return [
        (item.sop_instance_uid, item.destination, item.kind, item.state)
        for item in deliveries_of(store, entry.id)
    ]


def test_deliveries_are_made_when_the_reading_is_done(store):
    assert accept(store, "1.2", b"one", destinations=(*PACS, ("archive", "sc")))
    assert has_instance(store, "1.2", MODEL)
    assert not has_instance(store, "1.2", "another model")
    entry = claim(store, "reader", 60)
    assert entry.is_dicom
    assert deliveries_of(store, entry.id) == []
    finish(store, entry, "reader", reading_of(entry))
    expected = [
        ("1.2", "archive", "sc", "waiting"),
        ("1.2", "pacs", "gsps", "waiting"),
        ("1.2", "pacs", "sr", "waiting"),
    ]
    assert _places(store, entry) == expected
    assert not accept(store, "1.2", b"one", destinations=(*PACS, ("elsewhere", "sc")))
    assert not accept(store, "1.2", b"other bytes", destinations=PACS)
    assert _places(store, entry) == expected
    assert queue_length(store) == {"queued": 0, "running": 0, "done": 1, "failed": 0}


def test_an_object_whose_reading_was_given_up_may_come_again(store):
    assert accept(store, "1.2", b"one", destinations=PACS)
    failed = given_up(store)
    assert not accept(store, "1.2", b"other bytes", destinations=PACS)
    assert not accept(store, "1.2", b"one", destinations=PACS, read=False)
    assert queue_length(store)["queued"] == 0
    assert not accept(store, "1.2", b"one", destinations=PACS)
    entry = claim(store, "reader", 60)
    assert (entry.id, entry.attempts) == (failed.id, 1)
    finish(store, entry, "reader", reading_of(entry))
    assert _places(store, entry) == [
        ("1.2", "pacs", "gsps", "waiting"),
        ("1.2", "pacs", "sr", "waiting"),
    ]


def test_deliveries_of_what_was_read_before_are_made_at_once(store):
    entry = finished(store, b"one", is_dicom=True)
    assert accept(store, "1.2", b"one", destinations=PACS)
    assert _places(store, entry) == [
        ("1.2", "pacs", "gsps", "waiting"),
        ("1.2", "pacs", "sr", "waiting"),
    ]
    assert queue_length(store)["queued"] == 0


def test_what_fails_or_is_not_to_be_read_is_not_delivered(store):
    accept(store, "1.2", b"one", destinations=PACS)
    entry = claim(store, "reader", 60)
    fail(store, entry, "reader", "DamagedFileError", "the image: it ends early")
    accept(store, "1.3", b"one", destinations=PACS)
    assert accept(store, "1.4", b"two", destinations=PACS, read=False)
    assert has_instance(store, "1.4", MODEL)
    assert find(store, store.images.put(b"two"), None, MODEL) is None
    assert claim(store, "reader", 60) is None
    assert claim_deliveries(store, "sender", 60, 10) == []


def test_a_refused_object_leaves_nothing(settings):
    limits = settings.limits.model_copy(update={"queued": 1})
    store = open_store(settings.model_copy(update={"limits": limits}))
    accept(store, "1.1", b"one", destinations=PACS)
    with pytest.raises(QueueFullError):
        accept(store, "1.2", b"two", destinations=PACS)
    with pytest.raises(ImageGoneError):
        accept_instance(
            store,
            sop_instance_uid="1.3",
            study_uid="1",
            series_uid="1",
            sha256="0" * 64,
            model=MODEL,
            origin="SENDER",
            destinations=PACS,
            read=True,
            reason="",
        )
    assert [has_instance(store, uid, MODEL) for uid in ("1.1", "1.2", "1.3")] == [
        True,
        False,
        False,
    ]
    claim(store, "reader", 60)
    assert accept(store, "1.2", b"two", destinations=PACS)
    close_store(store)


def test_finishing_and_accepting_at_once_makes_each_delivery_once(store):
    for turn in range(12):
        data = bytes([turn])
        accept(store, f"1.{turn}.0", data, destinations=PACS)
        entry = claim(store, "reader", 60)
        barrier = Barrier(4)

        def come(uid, data=data, barrier=barrier):
            barrier.wait()
            accept(store, uid, data, destinations=PACS)

        def end(entry=entry, barrier=barrier):
            barrier.wait()
            finish(store, entry, "reader", reading_of(entry))

        threads = [
            Thread(target=end),
            *(Thread(target=come, args=(f"1.{turn}.{n}",)) for n in (1, 2, 2)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(_places(store, entry)) == sorted(
            (f"1.{turn}.{n}", "pacs", kind, "waiting") for n in range(3) for kind in ("gsps", "sr")
        )


def test_what_goes_together_is_claimed_together_and_once(store):
    for uid, data in (("1.1", b"one"), ("1.2", b"two")):
        accept(store, uid, data, destinations=(*PACS, ("archive", "sc")))
        entry = claim(store, "reader", 60)
        finish(store, entry, "reader", reading_of(entry))
    assert claim_deliveries(store, "sender", 60, 10, destination="nowhere") == []
    groups = []
    for destination in ("archive", None, None, None):
        group = claim_deliveries(store, "sender", 60, 10, destination=destination)
        groups.append({(item.sop_instance_uid, item.destination) for item in group})
        assert all(item.attempts == 1 for item in group)
    assert claim_deliveries(store, "sender", 60, 10) == []
    assert {place for _, place in groups[0]} == {"archive"}
    assert all(len(group) == 1 for group in groups)
    assert sorted(place for group in groups for place in group) == [
        ("1.1", "archive"),
        ("1.1", "pacs"),
        ("1.2", "archive"),
        ("1.2", "pacs"),
    ]


def test_a_delivery_is_tried_again_until_it_arrives_or_is_buried(store):
    entry = finished(store, b"one", is_dicom=True)
    accept(store, "1.2", b"one", destinations=(("pacs", "sr"), ("archive", "sr")))
    later = datetime.now(UTC) + timedelta(hours=1)
    by_place = {}
    while found := claim_deliveries(store, "sender", 0, 1):
        by_place.setdefault(found[0].destination, found[0])
        if len(by_place) == 2:
            break
        postpone(store, found[0], "busy", later)
    first, second = by_place.values()
    # The first waits for its time; the second's lease of no length has ended.
    (again,) = claim_deliveries(store, "other", 60, 10)
    assert (again.id, again.attempts) == (second.id, second.attempts + 1)
    bury(store, second, "too late to say so")
    assert dead_letters(store) == []
    bury(store, again, "refused")
    (dead,) = dead_letters(store)
    assert (dead.id, dead.state, dead.error) == (second.id, "dead", "refused")
    assert claim_deliveries(store, "sender", 60, 10) == []
    assert retry_dead(store, "nowhere") == 0
    assert retry_dead(store, dead.destination) == 1
    assert retry_dead(store) == 0
    (revived,) = claim_deliveries(store, "sender", 60, 10)
    assert (revived.id, revived.attempts) == (dead.id, 1)
    delivered(store, revived)
    postpone(store, revived, "no", datetime.now(UTC))
    states = {item.id: (item.state, item.error) for item in deliveries_of(store, entry.id)}
    assert states == {first.id: ("waiting", "busy"), revived.id: ("sent", None)}
    assert claim_deliveries(store, "sender", 60, 10) == []
