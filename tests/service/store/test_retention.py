"""Images go when they are needed no more, and never before."""

from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from fractura.service.store.deliveries import bury, claim_deliveries, delivered
from fractura.service.store.errors import ImageGoneError
from fractura.service.store.jobs import JobItem, job, open_job
from fractura.service.store.open import close_store, open_store
from fractura.service.store.queue import claim, entry, fail, find, finish, queue_length
from fractura.service.store.retention import sweep
from tests.service.store.examples import MODEL, accept, finished, reading_of, submitted

HOUR = timedelta(hours=1)
TO = (("pacs", "sr"),)


def _after(hours):
    return datetime.now(UTC) + hours * HOUR


def test_only_what_is_finished_and_delivered_goes(store):
    images = {}

    def come(name, how=None):
        accept(store, name, name.encode(), destinations=TO)
        taken = claim(store, "reader", 600)
        images[name] = taken.sha256
        if how == "failed":
            fail(store, taken, "reader", "LoadError", "the image: no")
        elif how:
            finish(store, taken, "reader", reading_of(taken))
            if how != "waiting":
                (found,) = claim_deliveries(store, "sender", 600, 1)
                {"sent": delivered, "dead": lambda *a: bury(*a, "no"), "sending": int}[how](
                    *((store, found) if how != "sending" else ())
                )

    come("1.running")
    for how in ("failed", "sent", "dead", "sending", "waiting"):
        come(f"1.{how}", how)
    finished(store, b"two frames", frame=1)
    images["two frames"] = submitted(store, b"two frames", frame=2).sha256
    images["plain"] = finished_but_last(store, b"plain")
    images["queued"] = submitted(store, b"queued").sha256

    assert sweep(store, _after(23)) == 0
    assert all(store.images.has(sha256) for sha256 in images.values())
    assert sweep(store, _after(25)) == 3
    gone = {name for name, sha256 in images.items() if not store.images.has(sha256)}
    assert gone == {"1.failed", "1.sent", "plain"}
    for name, sha256 in images.items():
        found = find(store, sha256, 1 if name == "two frames" else None, MODEL)
        assert found.image_kept == (name not in gone)
    assert find(store, images["1.sent"], None, MODEL).result
    assert sweep(store, _after(25)) == 0


def finished_but_last(store, data):
    """Finish an image while the queue holds others before it."""
    new = submitted(store, data)
    while True:
        taken = claim(store, "reader", 600)
        if taken.id == new.id:
            finish(store, taken, "reader", reading_of(taken))
            return new.sha256


def test_an_image_that_comes_again_stays_again(store):
    done = finished(store, b"one")
    assert sweep(store, _after(25)) == 1
    assert not entry(store, done.id).image_kept
    assert submitted(store, b"one").image_kept
    assert entry(store, done.id).image_kept
    assert sweep(store, _after(23)) == 0
    assert store.images.has(done.sha256)


def test_what_nobody_submitted_goes_too(store):
    done = finished(store, b"submitted")
    stray = store.images.put(b"the process was killed after this")
    assert sweep(store, _after(0.9)) == 0
    assert sweep(store, _after(25)) == 2
    assert not store.images.has(stray)
    # An image that was known and deleted is a stray as well when it was only put again.
    store.images.put(b"submitted")
    assert sweep(store, _after(25)) == 1
    assert not store.images.has(done.sha256)


def test_names_of_files_go_with_their_images(store):
    done = finished(store, b"one")
    waiting = submitted(store, b"two")
    refusal = {"type": "UnsupportedFileError", "message": "the image: it is \ud800 text"}
    items = [
        JobItem("DOE^JANE\0.png", done.id, None),
        JobItem("nu\udcffmber.dcm", waiting.id, None),
        JobItem("letter.txt", None, refusal),
    ]
    opened = open_job(store, items, "someone")
    assert [item.name for item in opened.items] == [
        "DOE^JANE\ufffd.png",
        "nu\ufffdmber.dcm",
        "letter.txt",
    ]
    assert opened.items[2].error["message"] == "the image: it is \ufffd text"
    assert opened.state == "running"
    assert opened.entries[done.id].state == "done"
    sweep(store, _after(23))
    assert job(store, opened.id) == opened
    sweep(store, _after(25))
    later = job(store, opened.id)
    assert [item.name for item in later.items] == ["", "nu\ufffdmber.dcm", ""]
    taken = claim(store, "reader", 60)
    finish(store, taken, "reader", reading_of(taken))
    assert job(store, opened.id).state == "done"


def test_what_is_accepted_while_images_go_keeps_its_image(settings):
    keeping = settings.keeping.model_copy(update={"image_hours": 0})
    store = open_store(settings.model_copy(update={"keeping": keeping}))
    over = Event()

    def clean():
        while not over.is_set():
            sweep(store, datetime.now(UTC))

    cleaner = Thread(target=clean)
    cleaner.start()
    refused = read = 0
    try:
        for frame in range(1, 30):
            try:
                submitted(store, b"always the same", frame=frame)
            except ImageGoneError:
                refused += 1
                continue
            taken = claim(store, "reader", 60)
            assert store.images.get(taken.sha256) == b"always the same"
            finish(store, taken, "reader", reading_of(taken))
            read += 1
    finally:
        over.set()
        cleaner.join()
    assert read + refused == 29
    assert read > 0
    assert queue_length(store) == {"queued": 0, "running": 0, "done": read, "failed": 0}
    close_store(store)


@pytest.mark.parametrize("address", ["memory://retention"])
def test_a_remote_store_is_swept_as_well(settings, address):
    store = open_store(settings.model_copy(update={"images": address}))
    done = finished(store, b"one")
    stray = store.images.put(b"two")
    assert sweep(store, _after(25)) == 2
    assert not store.images.has(done.sha256)
    assert not store.images.has(stray)
    close_store(store)
