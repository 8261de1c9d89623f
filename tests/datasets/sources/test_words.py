"""The words of data sets: what each means, and what none may be taken to mean."""

from __future__ import annotations

import pytest

from fractura.datasets.sources import words


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("Fractured", "fracture"),
        ("not fractured", "no fracture"),
        ("Non_fractured", "no fracture"),
        ("NOT-FRACTURED", "no fracture"),
        ("unfractured", "no fracture"),
        ("broken", "fracture"),
        ("normal", "normal"),
        ("Healthy", "normal"),
        ("abnormal", "abnormal"),
        ("positive", None),
        ("negative", None),
        ("1", None),
        ("Oblique fracture", None),
        ("", None),
    ],
)
def test_synonyms(word: str, label: str | None) -> None:
    assert words.find_label(word, {}) == label


def test_what_a_person_says_goes_first() -> None:
    assert words.find_label("Broken_", {"broken": "abnormal"}) == "abnormal"
    assert words.find_label("Brüche", {"BRU\u0308CHE": "fracture"}) == "fracture"


@pytest.mark.parametrize(
    ("name", "label", "kind"),
    [
        ("fracture", "fracture", None),
        ("wrist fracture", "fracture", None),
        ("Left_Elbow_Spiral_Fracture", "fracture", "left elbow spiral fracture"),
        ("Oblique Fracture", "fracture", "oblique fracture"),
        ("nondisplaced fracture", "fracture", "nondisplaced fracture"),
        ("Un-displaced_fracture", "fracture", "un-displaced fracture"),
        ("nose fracture", "fracture", "nose fracture"),
        ("no fracture", "no fracture", None),
        ("no acute fracture", None, None),
        ("nonfracture area", None, None),
        ("fracture negative", None, None),
        ("without any fracture", None, None),
        ("metal", None, None),
        ("elbow positive", None, None),
    ],
)
def test_classes_of_boxes(name: str, label: str | None, kind: str | None) -> None:
    found = words.find_class(name, {})
    assert found == label
    assert (words.fracture_type(name) if found == "fracture" else None) == kind


@pytest.mark.parametrize(
    ("name", "label", "region"),
    [
        ("XR_ELBOW", None, "elbow"),
        ("elbow normal", "normal", "elbow"),
        ("Not fractured, left wrist", "no fracture", "wrist"),
        ("elbow positive", None, "elbow"),
        ("hairline", "fracture", None),
        ("Oblique fracture", "fracture", None),
        ("oblique", None, None),
        ("Bone_Fracture_Set", None, None),
        ("no fracture dislocation", None, None),
        ("handmade", None, None),
    ],
)
def test_folders(name: str, label: str | None, region: str | None) -> None:
    assert words.find_folder(name, {}) == label
    assert words.find_region(name) == region


def test_yes_and_no_count_only_in_a_column_named_for_fractures() -> None:
    for value, label in (("1", "fracture"), ("0.0", "no fracture"), ("True", "fracture")):
        assert words.find_value("Fracture visible", value, {}) == label
        assert words.find_value("target", value, {}) is None
        assert words.find_value("no_fracture", value, {}) is None
    assert words.find_value("target", "1", {"1": "abnormal"}) == "abnormal"


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "valid"),
        ("Validation_set", "valid"),
        ("testing", "test"),
        ("train2017", "train"),
        ("train1", None),
        ("trainer", None),
        ("contest", None),
    ],
)
def test_splits(word: str, split: str | None) -> None:
    assert words.find_split(word) == split


@pytest.mark.parametrize(
    ("word", "years"), [("034Y", 34), ("018M", 1.5), ("7", 7), ("6.5", 6.5), ("old", None)]
)
def test_ages(word: str, years: float | None) -> None:
    assert words.find_age(word) == years
    assert words.find_age("200Y") is None


def test_the_errors_show_what_to_type() -> None:
    assert "--labels 'oblique=fracture'" in str(words.unknown_words("d", ["oblique", "wrist"]))
    ambiguous = str(words.unknown_words("d", ["XR positive"]))
    assert "--labels 'XR positive=fracture'" in ambiguous
    assert "--labels 'XR positive=abnormal'" in ambiguous
    assert "'negative=no fracture'" in str(words.unknown_words("d", ["negative"]))
