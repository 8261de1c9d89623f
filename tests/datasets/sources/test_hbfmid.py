"""HBFMID: types of fracture by class, and MRI set apart by file name."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.datasets.sources.hbfmid import FOLDERS, SOURCE, TYPES
from fractura.datasets.sources.source import SourceError
from fractura.findings import Box
from tests.datasets.sources.trees import HEIGHT, WIDTH, draw, read

NAMES = [*TYPES[:2], "Healthy", *TYPES[2:]]
HASH = "987f2271c9fd05767274b3c17f7ec281"
LABELS = {
    f"train/101_jpg.rf.{HASH}": "5 0.5 0.5 0.25 0.5\n",
    f"train/101_jpg.rf.{HASH[::-1]}": "5 0.5 0.5 0.25 0.5\n0 0.25 0.25 0.125 0.125\n",
    f"valid/12_jpg.rf.{HASH}": "2 0.5 0.5 1 1\n",
    f"valid/13_jpg.rf.{HASH}": "",
    f"test/20_mri_0_3663_jpeg.rf.{HASH}": "2 0.5 0.5 1 1\n",
    f"test/20_mri_png.rf.{HASH}": "9 0.5 0.5 0.5 0.5\n",
}


@pytest.fixture
def hbfmid(tmp_path: Path) -> Path:
    root = tmp_path.joinpath(*FOLDERS)
    for seed, (place, labels) in enumerate(LABELS.items()):
        split, name = place.split("/")
        draw(root / split / "images" / f"{name}.jpg", seed)
        (root / split / "labels").mkdir(exist_ok=True)
        (root / split / "labels" / f"{name}.txt").write_text(labels)
    listed = ", ".join(f"'{name}'" for name in NAMES)
    (root / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\n"
        f"nc: 10\nnames: [{listed}]\n\nroboflow:\n  license: Private\n"
    )
    return tmp_path


def test_types_labels_and_families(hbfmid: Path) -> None:
    records, dropped = read(SOURCE, hbfmid)
    assert dropped == {}
    twin = records[f"train/images/101_jpg.rf.{HASH}.jpg"]
    other = records[f"train/images/101_jpg.rf.{HASH[::-1]}.jpg"]
    healthy = records[f"valid/images/12_jpg.rf.{HASH}.jpg"]
    empty = records[f"valid/images/13_jpg.rf.{HASH}.jpg"]
    assert (twin.label, twin.fracture_types) == ("fracture", ("oblique",))
    assert other.fracture_types == ("comminuted", "oblique")
    assert twin.extra == other.extra == {"original": "101_jpg"}
    assert [mark.box for mark in twin.fractures] == [
        Box(0.375 * WIDTH, 0.25 * HEIGHT, 0.625 * WIDTH, 0.75 * HEIGHT)
    ]
    assert (healthy.label, healthy.fractures) == ("normal", ())
    assert (empty.label, empty.official_split) == ("unknown", "valid")
    assert twin.modality is None
    assert read(SOURCE, hbfmid.joinpath(*FOLDERS))[0] == records


def test_mri_is_set_apart_by_its_name(hbfmid: Path) -> None:
    records, _ = read(SOURCE, hbfmid)
    mri = [record for record in records.values() if record.modality == "MR"]
    assert [record.path.name.split("_")[1] for record in mri] == ["mri", "mri"]
    assert {(record.official_split, record.split) for record in mri} == {(None, None)}
    assert [record.label for record in mri] == ["normal", "fracture"]
    assert mri[0].extra == {"original": "20_mri_0_3663_jpeg", "published_split": "test"}
    assert mri[0].notes == ("an MRI image by its file name, kept out of the splits",)


def test_says_what_is_missing(hbfmid: Path) -> None:
    (hbfmid.joinpath(*FOLDERS) / "data.yaml").unlink()
    with pytest.raises(SourceError, match=r"data\.yaml"):
        read(SOURCE, hbfmid)
    with pytest.raises(SourceError, match=r"is missing.*10\.17632/xwfs6xbk47\.1"):
        read(SOURCE, hbfmid / "nowhere")
