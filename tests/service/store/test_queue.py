"""The queue: each image, frame and model is read once."""

import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as check
from hypothesis import strategies as st

from fractura.findings import Reading
from fractura.service.store.audit import audit, audit_lines
from fractura.service.store.errors import (
    DiskFullError,
    ImageGoneError,
    QueueFullError,
    UnknownIdError,
)
from fractura.service.store.open import close_store, open_store
from fractura.service.store.queue import (
    ATTEMPTS,
    GIVEN_UP,
    claim,
    entries,
    entry,
    extend,
    fail,
    find,
    finish,
    queue_length,
    release,
    submit,
)
from tests.service.store.examples import MODEL, finished, given_up, reading_of, submitted


def test_a_reading_goes_from_queued_to_done(store):
    fresh = submitted(store, b"one", frame=2, is_dicom=True)
    assert (fresh.state, fresh.attempts, fresh.frame, fresh.is_dicom) == ("queued", 0, 2, True)
    assert fresh.sha256 == sha256(b"one").hexdigest()
    assert fresh.image_kept
    taken = claim(store, "reader", 60)
    assert (taken.id, taken.state, taken.attempts) == (fresh.id, "running", 1)
    assert claim(store, "other", 60) is None
    assert finish(store, taken, "reader", reading_of(taken))
    done = entry(store, fresh.id)
    assert done.state == "done"
    assert done.result == {**reading_of(taken).as_dict(), "path": None}
    assert Reading.from_dict(done.result).decision == "fracture"
    assert done.error is None
    assert done.created_at < done.finished_at <= datetime.now(UTC)
    assert find(store, fresh.sha256, 2, MODEL) == done
    assert find(store, fresh.sha256, None, MODEL) is None
    assert queue_length(store) == {"queued": 0, "running": 0, "done": 1, "failed": 0}


def test_the_same_again_is_the_same_entry(store):
    done = finished(store, b"one")
    submitted(store, b"two")
    failing = claim(store, "reader", 60)
    assert fail(store, failing, "reader", "DamagedFileError", "the image: it \0ends\ud800 early")
    for data, state in ((b"one", "done"), (b"two", "failed")):
        again, is_fresh = submit(
            store,
            sha256=store.images.put(data),
            frame=None,
            model=MODEL,
            is_dicom=False,
            who="another",
        )
        assert (again.state, is_fresh) == (state, False)
    assert entry(store, failing.id).error == {
        "type": "DamagedFileError",
        "message": "the image: it \ufffdends\ufffd early",
    }
    other = submit(
        store, sha256=done.sha256, frame=None, model="fractura-s 5", is_dicom=False, who="another"
    )
    assert other[1]
    assert other[0].id != done.id


def test_an_image_must_be_there(store):
    with pytest.raises(ImageGoneError):
        submit(store, sha256="0" * 64, frame=None, model=MODEL, is_dicom=False, who="someone")
    assert queue_length(store)["queued"] == 0


def test_the_queue_is_first_in_first_out_and_gives_back_in_order(store):
    ids = [submitted(store, bytes([i])).id for i in range(3)]
    first = claim(store, "reader", 60)
    second = claim(store, "reader", 60)
    release(store, first, "reader")
    assert (entry(store, first.id).state, entry(store, first.id).attempts) == ("queued", 0)
    again = [claim(store, "reader", 60) for _ in range(2)]
    assert [first.id, second.id] == ids[:2]
    assert [item.id for item in again] == [ids[0], ids[2]]


def test_a_lease_that_ended_is_anothers(store):
    submitted(store, b"one")
    slow = claim(store, "slow", 0.001)
    time.sleep(0.01)
    # Nobody else has come yet.
    assert extend(store, slow, "slow", 0.001)
    time.sleep(0.01)
    quick = claim(store, "quick", 60)
    assert (quick.id, quick.attempts) == (slow.id, 2)
    assert not extend(store, slow, "slow", 60)
    assert not finish(store, slow, "slow", reading_of(slow))
    assert not fail(store, slow, "slow", "LoadError", "the image: no")
    release(store, slow, "slow")
    assert entry(store, slow.id) == quick
    assert finish(store, quick, "quick", reading_of(quick))
    assert not finish(store, quick, "quick", reading_of(quick))


def test_leases_of_one_worker_are_told_apart(store):
    submitted(store, b"one")
    lost, held = claim(store, "same", 0), claim(store, "same", 60)
    assert not finish(store, lost, "same", reading_of(lost))
    assert finish(store, held, "same", reading_of(held))


def test_what_ends_the_process_each_time_is_given_up(store):
    crashing = submitted(store, b"one")
    for attempt in range(1, ATTEMPTS + 1):
        assert claim(store, "reader", 0).attempts == attempt
    good = submitted(store, b"two")
    assert claim(store, "reader", 60).id == good.id
    given_up = entry(store, crashing.id)
    assert (given_up.state, given_up.error["type"]) == ("failed", "CrashedError")
    assert given_up.finished_at
    assert claim(store, "reader", 60) is None


def test_what_was_given_up_is_tried_again_when_it_comes_again(store):
    first = submitted(store, b"one")
    failed = given_up(store)
    assert (failed.id, failed.state, failed.error["type"]) == (first.id, "failed", GIVEN_UP)
    store.images.delete(failed.sha256)
    start = datetime.now(UTC)
    sha256 = store.images.put(b"one")
    again, is_fresh = submit(
        store, sha256=sha256, frame=None, model=MODEL, is_dicom=False, who="another"
    )
    assert is_fresh
    assert (again.id, again.state, again.attempts) == (first.id, "queued", 0)
    assert (again.error, again.finished_at) == (None, None)
    lines = [(line.who, line.action, line.detail) for line in audit_lines(store, start, 10)]
    assert lines == [("another", "retry", GIVEN_UP), ("another", "submit", None)]
    taken = claim(store, "reader", 60)
    assert finish(store, taken, "reader", reading_of(taken))
    assert submitted(store, b"one").state == "done"


def test_what_was_given_up_waits_for_a_place_in_the_queue_as_all_do(settings):
    limits = settings.limits.model_copy(update={"queued": 1})
    store = open_store(settings.model_copy(update={"limits": limits}))
    submitted(store, b"one")
    given_up(store)
    submitted(store, b"two")
    with pytest.raises(QueueFullError):
        submitted(store, b"one")
    assert queue_length(store) == {"queued": 1, "running": 0, "done": 0, "failed": 1}
    close_store(store)


def test_a_full_queue_refuses_what_is_new_only(settings):
    limits = settings.limits.model_copy(update={"queued": 2})
    store = open_store(settings.model_copy(update={"limits": limits}))
    first = submitted(store, b"one")
    submitted(store, b"two")
    with pytest.raises(QueueFullError) as caught:
        submitted(store, b"three")
    assert caught.value.retry_after > 0
    assert submitted(store, b"one").id == first.id
    claim(store, "reader", 60)
    submitted(store, b"three")
    assert queue_length(store)["queued"] == 2
    close_store(store)


def test_a_disk_almost_full_refuses(settings):
    limits = settings.limits.model_copy(update={"free_megabytes": 10**12})
    store = open_store(settings.model_copy(update={"limits": limits}))
    with pytest.raises(DiskFullError):
        submitted(store, b"one")
    assert queue_length(store)["queued"] == 0
    close_store(store)


def test_pages_are_newest_first_and_meet_without_gap(store):
    ids = [submitted(store, bytes([i])).id for i in range(7)]
    claim(store, "reader", 60)
    seen, before = [], None
    while page := entries(store, before=before, limit=3, state=None):
        seen += [item.id for item in page]
        before = seen[-1]
    assert seen == ids[::-1]
    assert [e.id for e in entries(store, before=ids[3], limit=9, state="queued")] == ids[2:0:-1]
    assert [e.id for e in entries(store, before=None, limit=9, state="running")] == ids[:1]
    for ask in (lambda: entry(store, "x"), lambda: entries(store, before="x", limit=1, state=None)):
        with pytest.raises(UnknownIdError):
            ask()


def test_the_audit_says_who_did_what_when(store):
    start = datetime.now(UTC)
    done = finished(store, b"one")
    audit(store, who="someone", action="export", detail="marks")
    lines = audit_lines(store, start, 10)
    assert [(line.who, line.action, line.sha256, line.model, line.decision) for line in lines] == [
        ("someone", "submit", done.sha256, MODEL, None),
        ("reader", "read", done.sha256, MODEL, "fracture"),
        ("someone", "export", None, None, None),
    ]
    assert start <= lines[0].at <= lines[1].at <= datetime.now(UTC)
    assert audit_lines(store, start, 2) == lines[:2]
    assert audit_lines(store, lines[-1].at + timedelta(seconds=1), 10) == []


@check(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=20))
def test_any_text_can_be_stored(store, text):
    audit(store, who=text, action="try", detail=text)
    line = audit_lines(store, datetime.now(UTC) - timedelta(seconds=60), 10_000)[-1]
    assert line.who == line.detail
    line.who.encode()
    assert len(line.who) == len(text)
