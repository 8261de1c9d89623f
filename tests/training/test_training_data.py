"""What a record tells of each question, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Record
from fractura.datasets.target import target_of
from fractura.training.training_data import class_names, of_classes, usable

from .noise import recipe


def record(number: int = 0, **fields: Any) -> Record:
    return Record(id=f"a/{number}", path=Path(), source="a", **{"label": "unknown", **fields})


@pytest.mark.parametrize(
    ("label", "binary", "abnormality"),
    [
        ("fracture", "fracture", "abnormal"),
        ("no fracture", "no fracture", None),
        ("normal", "no fracture", "normal"),
        ("abnormal", None, "abnormal"),
        ("unknown", None, None),
    ],
)
def test_labels(label: Any, binary: str | None, abnormality: str | None) -> None:
    one = record(label=label)
    assert target_of(one, "binary-fracture") == target_of(one, "detection") == binary
    assert target_of(one, "abnormality") == abnormality


def test_several_regions_answer_nothing_and_are_left_out() -> None:
    records = [record(0, regions=("hand",)), record(1, regions=("hand", "leg")), record(2)]
    told, note = usable(records, recipe(task="region"))
    assert [item.id for item in told] == ["a/0"]
    assert note == "2 radiographs name no or several classes and are left out"


@pytest.mark.parametrize("label", ["abnormal", "unknown"])
def test_a_label_that_does_not_tell_is_refused(label: Any) -> None:
    records = [record(0, label="fracture"), record(9, label=label)]
    with pytest.raises(ManifestError, match=rf"1 radiographs .* labelled {label}.*a/9"):
        usable(records, recipe())
    assert usable(records, recipe(data={"fractured_only": True}))[0] == records[:1]


def test_classes_come_from_the_recipe_or_by_name() -> None:
    regions = ("leg", "hand", "hand", "hip")
    records = [record(number, regions=(name,)) for number, name in enumerate(regions)]
    assert class_names(records, recipe(task="region")) == ("hand", "hip", "leg")
    chosen = recipe(task="region", data={"classes": ["leg", "hip"]})
    assert class_names(records, chosen) == ("leg", "hip")
    assert [item.id for item in of_classes(records, chosen, ("leg", "hip"))] == ["a/0", "a/3"]


@pytest.mark.parametrize(
    ("fields", "task", "words"),
    [
        ([{"label": "fracture"}], "binary-fracture", "'no fracture' has no training radiograph"),
        ([{"regions": ("hand",)}], "region", "only the class 'hand'"),
        ([{"label": "fracture"}], "fracture-type", "anything in the column fracture_types"),
    ],
)
def test_classes_that_are_missing(fields: Any, task: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        class_names([record(**item) for item in fields], recipe(task=task))
