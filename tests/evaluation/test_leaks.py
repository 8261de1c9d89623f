"""What counts as seen, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.datasets.record import Record
from fractura.errors import ModelError
from fractura.evaluation.leaks import (
    content_marks,
    find_leak,
    joined,
    refuse,
    seen_in_training,
    ungrouped,
)
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.reading.trained_on import KEY, pack, trained_on


def record(name: str, **fields: object) -> Record:
    given_fields = {"source": "a", "label": "fracture", **fields}
    return Record(id=name, path=Path(f"{name}.png"), **given_fields)  # type: ignore[arg-type]


def test_every_link_is_found_and_each_case_counted_once() -> None:
    seen = [
        record("t1", sha256="1" * 64, group="g"),
        record("t2", sha256="2" * 64, patient="p"),
        record("both"),
    ]
    cases = [
        record("both", sha256="1" * 64, group="g"),
        record("copy", sha256="2" * 64, patient="p"),
        record("neighbour", group="g"),
        record("same patient", patient="p"),
        record("another source's patient p", patient="p", source="b"),
        record("new", sha256="3" * 64, group="h", patient="q"),
    ]
    leak = find_leak(cases, seen)
    assert leak is not None
    assert leak.ids == {"both", "copy", "neighbour", "same patient"}
    assert leak.as_dict() == {
        "cases": 4,
        "of": 6,
        "reasons": [
            "1 themselves in training",
            "1 byte for byte the same as radiographs in training",
            "1 of one group (picture, patient or neighbours) with radiographs in training",
            "1 of one patient with radiographs in training",
        ],
        "sentence": "the split leaks: 4 of 6 cases are not new to the model",
    }
    message = str(refuse(leak, "test"))
    assert "--without-leaks" in message
    assert "--leaky" in message


def test_unknown_links_are_no_links() -> None:
    assert find_leak([record("a")], [record("b")]) is None
    leak = find_leak([record("a", group="g")], [record("b", group="g")])
    assert joined(None, leak) is leak
    assert joined(leak, None) is leak
    assert joined(None, None) is None


def test_the_model_itself_says_what_it_has_seen() -> None:
    records = [record("a", split="train"), record("b", split="valid"), record("c", split="train")]
    assert [one.id for one in seen_in_training(records, None, [])] == ["a", "c"]
    assert [one.id for one in seen_in_training(records, {"b", "elsewhere"}, [])] == ["b"]


def test_a_picture_is_known_by_its_contents_whatever_it_is_called(tmp_path: Path) -> None:
    pixels = make_phantom(1, width=96, height=128).radiograph.pixels
    save_png(tmp_path / "trained.png", to_16_bit(pixels))
    assert cv2.imwrite(str(tmp_path / "same pixels.tif"), to_16_bit(pixels))
    save_png(tmp_path / "other.png", to_16_bit(pixels[:-1]))

    def of(name: str, file: str, *, hashed: bool = True, **fields: object) -> Record:
        path = tmp_path / file
        digest = sha256(path.read_bytes()).hexdigest() if hashed else None
        return replace(record(name, sha256=digest, **fields), path=path)

    known = trained_on({KEY: pack(["a/1", *content_marks([of("a/1", "trained.png")])])})
    records = [
        of("yolo/x", "trained.png"),
        of("not hashed", "trained.png", hashed=False),
        of("written anew", "same pixels.tif"),
        of("a/1", "other.png"),
        of("the same patient's", "other.png", patient="p"),
        of("trained under a patient", "trained.png", patient="p"),
    ]
    seen = seen_in_training(records, known, records)
    assert [one.id for one in seen] == [
        *("yolo/x", "not hashed", "written anew", "trained under a patient"),
    ]
    leak = find_leak(records, seen)
    assert leak is not None
    assert leak.ids == {one.id for one in records} - {"a/1"}


def test_without_groups_near_duplicates_are_unknown() -> None:
    assert ungrouped([record("a", group="g")]) is None
    assert "1 cases of a have no group" in str(ungrouped([record("a"), record("b", group="g")]))


@given(st.frozensets(st.text()))
def test_ids_travel_in_a_model(ids: frozenset[str]) -> None:
    assert trained_on({KEY: pack(ids)}) == ids


def test_damaged_ids_are_refused() -> None:
    assert trained_on({}) is None
    for damaged in ("!", "abcd", 7):
        with pytest.raises(ModelError, match="damaged"):
            trained_on({KEY: damaged})
