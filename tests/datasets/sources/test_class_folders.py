"""Class folders in either nesting, with unknown words and images in wrong places."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.datasets.sources.class_folders import SOURCE
from fractura.datasets.sources.source import SourceError
from tests.datasets.sources.trees import draw, read, remarks


@pytest.mark.parametrize("wrapper", ["", "Bone_Fracture_Set/", "fracture/", "normal/x/"])
@pytest.mark.parametrize("order", ["{split}/{name}", "{name}/{split}", "{name}"])
def test_either_nesting_in_any_wrapper(tmp_path: Path, wrapper: str, order: str) -> None:
    expected = {}
    for split, ours in (("train", "train"), ("VAL", "valid"), ("testing", "test")):
        for name, label in (("fractured", "fracture"), ("Not Fractured", "no fracture")):
            place = wrapper + order.format(split=split, name=name) + f"/{split} ü.png"
            draw(tmp_path / place)
            expected[place] = (label, ours if "split" in order else None)
    records, dropped = read(SOURCE, tmp_path)
    assert not dropped
    assert {name: (r.label, r.official_split) for name, r in records.items()} == expected
    assert all(record.annotations is None and not record.notes for record in records.values())


def test_types_of_fractures_are_kept_and_a_word_told_is_none(tmp_path: Path) -> None:
    for name in ("train/Oblique_fracture", "train/normal", "test/Spiral", "test/broken/patient 1"):
        draw(tmp_path / name / "a.png")
    draw(tmp_path / "test" / "kaputt" / "a.png")
    with pytest.raises(SourceError, match=r"not known: 'kaputt'; .*--labels 'kaputt=fracture'"):
        read(SOURCE, tmp_path)
    records, dropped = read(SOURCE, tmp_path, labels={"kaputt": "fracture"})
    assert not dropped
    assert {name: (r.label, r.fracture_types) for name, r in records.items()} == {
        "test/Spiral/a.png": ("fracture", ("spiral",)),
        "test/broken/patient 1/a.png": ("fracture", ()),
        "test/kaputt/a.png": ("fracture", ()),
        "train/Oblique_fracture/a.png": ("fracture", ("oblique fracture",)),
        "train/normal/a.png": ("normal", ()),
    }
    assert remarks(SOURCE, tmp_path, labels={"kaputt": "fracture"}) == [
        "'Oblique_fracture' (1): fracture, type oblique fracture",
        "'Spiral' (1): fracture, type spiral",
        "'broken' (1): fracture",
        "'kaputt' (1): fracture",
        "'normal' (1): normal",
    ]


@pytest.mark.parametrize("order", ["{region}/{label}", "{label}/{region}", "{label} {region}"])
def test_regions_beside_labels(tmp_path: Path, order: str) -> None:
    for region in ("Elbow", "XR_HAND"):
        for label in ("fractured", "normal"):
            draw(tmp_path / order.format(region=region, label=label) / "a.png")
    records, dropped = read(SOURCE, tmp_path)
    assert not dropped
    found = sorted((one.label, one.regions, one.fracture_types) for one in records.values())
    assert found == [
        ("fracture", ("elbow",), ()),
        ("fracture", ("hand",), ()),
        ("normal", ("elbow",), ()),
        ("normal", ("hand",), ()),
    ]


def test_regions_alone_say_nothing_of_fractures(tmp_path: Path) -> None:
    for name in ("train/elbow", "train/Fingers/patient 1", "test/fingers"):
        draw(tmp_path / name / "a.png")
    records, _ = read(SOURCE, tmp_path)
    assert {(one.label, one.regions) for one in records.values()} == {
        ("unknown", ("elbow",)),
        ("unknown", ("fingers",)),
    }
    assert "'elbow' (1): region elbow" in remarks(SOURCE, tmp_path)


def test_positive_alone_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "positive" / "a.png")
    draw(tmp_path / "negative" / "a.png")
    with pytest.raises(SourceError, match="--labels 'negative=no fracture'"):
        read(SOURCE, tmp_path)
    records, _ = read(SOURCE, tmp_path, labels={"positive": "abnormal", "negative": "normal"})
    assert [record.label for record in records.values()] == ["normal", "abnormal"]


def test_what_does_not_fit_is_dropped_with_its_reason(tmp_path: Path) -> None:
    for name in ("train/fractured/a", "train/normal/a", "train/b", "c", "normal/fractured/d"):
        draw(tmp_path / f"{name}.png")
    (tmp_path / "train/normal/notes.gif").touch()
    (tmp_path / "README.txt").touch()
    (tmp_path / "train/normal/loop").symlink_to(tmp_path)
    records, dropped = read(SOURCE, tmp_path)
    assert list(records) == ["train/fractured/a.png", "train/normal/a.png"]
    assert dropped == {
        "images above the class folders": ["c.png", "train/b.png"],
        "images in folders of two classes": ["normal/fractured/d.png"],
        "files that are not images": ["train/normal/notes.gif"],
    }


@pytest.mark.parametrize("name", ["a.png", "train/a.png"])
def test_without_classes_there_is_nothing_to_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no image"):
        read(SOURCE, tmp_path)
    draw(tmp_path / name)
    with pytest.raises(SourceError, match="a class folder is missing"):
        read(SOURCE, tmp_path)
