"""How files of a data set are listed and find each other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fractura.datasets.sources.class_folders import SOURCE
from fractura.datasets.sources.folder import Locator, head_of, read_folder, split_in
from fractura.datasets.sources.source import SourceError
from tests.datasets.sources.trees import HEIGHT, WIDTH, draw

IMAGES = ("train/a.png", "valid/a.png", "valid/b.png", "img/1/e\u0301.png", "img/2/x.jpg", "x.png")


@pytest.mark.parametrize(
    ("name", "near", "found"),
    [
        ("a.png", "train/labels.json", "train/a.png"),
        ("valid/a.png", "labels.json", "valid/a.png"),
        ("C:\\data\\valid\\a.png", "labels.json", "valid/a.png"),
        ("a.png", "annotations/instances_valid2017.json", "valid/a.png"),
        ("a.png", "annotations/all.json", None),
        ("/elsewhere/b.png", "all.json", "valid/b.png"),
        ("\u00e9.png", "all.json", "img/1/e\u0301.png"),
        ("../../etc/passwd", "all.json", None),
        ("", "all.json", None),
    ],
)
def test_images_are_found_by_name(name: str, near: str, found: str | None) -> None:
    assert Locator(IMAGES).by_name(name, near) == found


def test_images_are_found_by_stem() -> None:
    assert Locator(IMAGES).by_stem("x", "img/2/x.xml") == "img/2/x.jpg"
    assert Locator(IMAGES).by_stem("x", "x.xml") is None


def test_names_that_are_no_text_are_dropped(tmp_path: Path) -> None:
    draw(tmp_path / "b.png")
    draw(tmp_path / "a" / "z.png")
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).touch()
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    folder = read_folder(tmp_path, SOURCE)
    assert list(folder.images) == ["a/z.png", "b.png"]
    assert [(lost.what, lost.reason) for lost in folder.lost] == [
        ("\\udcff.png", "files whose names are not valid UTF-8")
    ]


def test_a_wrong_path_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere is missing: class-folders needs"):
        read_folder(tmp_path / "nowhere", SOURCE)


def test_heads(tmp_path: Path) -> None:
    head = head_of(draw(tmp_path / "a.png"))
    assert head is not None
    assert (head.width, head.height, head.bits) == (WIDTH, HEIGHT, 16)
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    assert head_of(tmp_path / "b.png") is None
    assert head_of(tmp_path / "c.png") is None


def test_contradicting_folders_give_no_split() -> None:
    assert split_in("train/x/a.png") == ("train", ())
    assert split_in("x/test.png") == (None, ())
    split, (note,) = split_in("train/val/a.png")
    assert split is None
    assert "train, valid" in note
