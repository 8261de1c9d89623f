"""Kaggle's multi-region set: empty files go, copies stay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fractura.datasets.build import Request, build
from fractura.datasets.sources.kaggle_multi_region import FOLDER, SOURCE
from fractura.datasets.sources.source import Options, SourceError
from tests.datasets.sources.trees import draw, read


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    root = tmp_path / FOLDER / FOLDER
    for split in ("train", "val", "test"):
        draw(root / split / "fractured" / "10-rotated1-rotated2.jpg", 1)
        draw(root / split / "not fractured" / "10.jpg", 2)
    return tmp_path


def test_folders_give_labels_and_splits(kaggle: Path) -> None:
    draw(kaggle / FOLDER / FOLDER / "test" / "Fractured (1)" / "1.jpg")
    records, dropped = read(SOURCE, kaggle)
    assert dropped == {"files outside the class folders": ["test/Fractured (1)/1.jpg"]}
    assert {name: (record.label, record.official_split) for name, record in records.items()} == {
        "train/fractured/10-rotated1-rotated2.jpg": ("fracture", "train"),
        "train/not fractured/10.jpg": ("no fracture", "train"),
        "val/fractured/10-rotated1-rotated2.jpg": ("fracture", "valid"),
        "val/not fractured/10.jpg": ("no fracture", "valid"),
        "test/fractured/10-rotated1-rotated2.jpg": ("fracture", "test"),
        "test/not fractured/10.jpg": ("no fracture", "test"),
    }
    assert read(SOURCE, kaggle / FOLDER)[0] == records
    assert read(SOURCE, kaggle / FOLDER / FOLDER)[0] == records


def test_empty_files_go_and_copies_stay(kaggle: Path, tmp_path: Path) -> None:
    (kaggle / FOLDER / FOLDER / "val" / "fractured" / "11.jpg").touch()
    manifest = build([Request(SOURCE, kaggle, Options("kaggle"))], tmp_path / "m.csv")
    assert len(manifest.records) == 6
    assert len({record.sha256 for record in manifest.records}) == 2
    assert {record.licence for record in manifest.records} == {"ODC-By 1.0"}
    assert manifest.intakes[0].dropped == {"files are empty": 1}


def test_says_what_is_missing_and_where_to_get_it(kaggle: Path) -> None:
    shutil.rmtree(kaggle / FOLDER / FOLDER / "test" / "not fractured")
    with pytest.raises(SourceError, match=r"test.not fractured is missing.*bmadushanirodrigo"):
        read(SOURCE, kaggle)
