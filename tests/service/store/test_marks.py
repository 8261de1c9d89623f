"""Marks of people on readings."""

import pytest

from fractura.findings import Box
from fractura.service.store import marks as module
from fractura.service.store.errors import UnknownIdError
from fractura.service.store.marks import add_mark, all_marks, delete_mark, marks
from tests.service.store.examples import finished


def test_marks_are_kept_in_order_until_they_are_deleted(store):
    done = finished(store, b"one")
    first = add_mark(store, done.id, kind="agree", box=None, note="", who="a")
    second = add_mark(
        store, done.id, kind="missed", box=Box(1.5, 2, 3, 4), note="Haarriß \0", who="b"
    )
    assert (second.box, second.note) == (Box(1.5, 2, 3, 4), "Haarriß \ufffd")
    assert marks(store, done.id) == [first, second]
    delete_mark(store, first.id)
    assert marks(store, done.id) == [second]
    for ask in (
        lambda: delete_mark(store, first.id),
        lambda: add_mark(store, "none", kind="agree", box=None, note="", who="a"),
    ):
        with pytest.raises(UnknownIdError):
            ask()


def test_every_marked_reading_comes_once_over_all_pages(store, monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 2)
    expected = {}
    for number in range(5):
        done = finished(store, bytes([number]))
        expected[done.id] = [
            add_mark(store, done.id, kind="disagree", box=None, note=str(n), who="a")
            for n in range(number)
        ]
    found = [(entry.id, of_one) for entry, of_one in all_marks(store)]
    assert found == sorted((id, of_one) for id, of_one in expected.items() if of_one)
