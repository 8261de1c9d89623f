"""The Roboflow set: all classes are fractures, with the doubt stated, and regions from names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fractura.datasets.sources.roboflow import SOURCE
from tests.datasets.sources.trees import draw, read

NAMES = (
    "['elbow positive', 'fingers positive', 'forearm fracture', 'humerus fracture', 'humerus', "
    "'shoulder fracture', 'wrist positive']"
)
TRIANGLE = " 0.25 0.25 0.5 0.25 0.5 0.5"


def test_regions_families_and_doubt(tmp_path: Path) -> None:
    files = {
        "train/images/image1_4_png.rf.0a.jpg": f"2{TRIANGLE}\n0{TRIANGLE}\n",
        "train/images/image1_4_png.rf.0b.jpg": f"2{TRIANGLE}\n",
        "valid/images/image1_5_png.rf.0c.jpg": "",
    }
    for name, text in files.items():
        draw(tmp_path / name)
        label = tmp_path / name.replace("images", "labels").replace(".jpg", ".txt")
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text)
    text = f"train: train/images\nval: valid/images\ntest: test/images\nnc: 7\nnames: {NAMES}\n"
    (tmp_path / "data.yaml").write_text(text)
    records, dropped = read(SOURCE, tmp_path)
    assert dropped == {"named folders that are missing": ["data.yaml, test: test/images"]}
    both, sure, empty = records.values()
    assert [r.label for r in (both, sure, empty)] == ["fracture", "fracture", "no fracture"]
    assert (both.regions, sure.regions, empty.regions) == (("elbow", "forearm"), ("forearm",), ())
    assert both.extra == sure.extra == {"original": "image1_4_png"}
    assert "'elbow positive'" in both.notes[0]
    assert sure.notes == empty.notes == ()
    (mark,) = sure.fractures
    assert (mark.kind, sure.fracture_types) == (None, ())
    assert mark.outlines == (((24, 32), (48, 32), (48, 64)),)
    cautious, _ = read(SOURCE, tmp_path, labels={"Elbow positive": "abnormal"})
    assert [mark.label for mark in cautious["train/images/image1_4_png.rf.0a.jpg"].annotations] == [
        "fracture",
        "elbow positive",
    ]  # fmt: skip


def test_real_files(shared_data: Path) -> None:
    records, dropped = read(SOURCE, shared_data / "roboflow-bone-fracture")
    assert not dropped
    assert Counter((record.official_split, record.label) for record in records.values()) == {
        ("train", "fracture"): 1345,
        ("train", "no fracture"): 720,
        ("valid", "fracture"): 173,
        ("valid", "no fracture"): 175,
        ("test", "fracture"): 83,
        ("test", "no fracture"): 86,
    }
    marks = [mark for record in records.values() for mark in record.annotations or ()]
    assert len(marks) == 1884
    assert all(mark.outlines for mark in marks)
    assert Counter(region for record in records.values() for region in record.regions) == {
        "elbow": 293,
        "fingers": 481,
        "forearm": 178,
        "humerus": 188,
        "shoulder": 270,
        "wrist": 191,
    }
