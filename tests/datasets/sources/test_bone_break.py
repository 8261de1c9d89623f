"""Kaggle's types of fracture: the folder is the type, and all are fractured."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractura.datasets.sources.bone_break import FOLDER, SOURCE, TYPES
from fractura.datasets.sources.source import SourceError
from tests.datasets.sources.trees import draw, read


@pytest.fixture
def bone_break(tmp_path: Path) -> Path:
    for seed, kind in enumerate(TYPES):
        for split in ("Train", "Test"):
            draw(tmp_path / FOLDER / FOLDER / kind / split / f"{seed}-é.jpg", seed)
    return tmp_path


def test_the_folder_is_the_type(bone_break: Path) -> None:
    records, dropped = read(SOURCE, bone_break)
    assert dropped == {}
    assert len(records) == 2 * len(TYPES)
    assert {record.label for record in records.values()} == {"fracture"}
    hairline = records["Hairline Fracture/Test/4-é.jpg"]
    assert hairline.fracture_types == ("hairline fracture",)
    assert hairline.official_split == "test"
    assert read(SOURCE, bone_break / FOLDER / FOLDER)[0] == records


def test_says_what_is_missing_and_where_to_get_it(bone_break: Path) -> None:
    place = bone_break / FOLDER / FOLDER / TYPES[-1]
    (place / "Train").rename(place / "Training")
    with pytest.raises(SourceError, match=r"Spiral Fracture.Train is missing.*pkdarabi"):
        read(SOURCE, bone_break)
