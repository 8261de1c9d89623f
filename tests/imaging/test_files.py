"""The walk through folders: what is found, in which order, and what is never entered twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fractura.findings import Failure
from fractura.imaging.files import PICTURES_MARK, image_files, visible_files


@pytest.fixture
def study(tmp_path: Path) -> Path:
    names = ("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/er/ü d.tiff", ".git/x.png")
    for name in names:
        path = tmp_path / "study" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    for name in ("IM0001", "1.2.840.7", ".IM0002", "deep/DICOMDIR"):
        (tmp_path / "study" / name).write_bytes(bytes(128) + b"DICM")
    return tmp_path / "study"


def listed(root: Path) -> list[str]:
    return [os.path.relpath(str(item), root) for item in image_files(str(root))]


WHOLE = ["1.2.840.7", "IM0001", "a.JPG", "b.png", "deep/er/ü d.tiff"]


def test_images_and_dicom_by_name(study: Path) -> None:
    assert listed(study) == WHOLE


def test_all_visible_files(study: Path) -> None:
    found = [os.path.relpath(str(item), study) for item in visible_files(str(study))]
    assert found == [*WHOLE[:-1], "notes.txt", "deep/DICOMDIR", WHOLE[-1]]


def test_no_folder_is_entered_twice(study: Path) -> None:
    (study / "deep" / "up").symlink_to(study)
    (study / "deep" / "er" / "here").symlink_to(".")
    (study / "z again").symlink_to(study / "deep")
    (study / "gone.png").symlink_to(study / "nowhere")
    os.mkfifo(study / "pipe")
    assert listed(study) == [*WHOLE[:-1], "gone.png", WHOLE[-1]]


def test_drawn_pictures_are_left_out(study: Path) -> None:
    (study / "deep" / PICTURES_MARK).touch()
    assert listed(study) == WHOLE[:-1]


@pytest.mark.parametrize("name", ["gone", "b.png"])
def test_what_cannot_be_listed_is_a_failure(study: Path, name: str) -> None:
    (item,) = image_files(str(study / name))
    assert isinstance(item, Failure)
    assert item.path == str(study / name)
    assert "cannot be listed" in item.message
