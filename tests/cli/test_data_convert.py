"""``fractura data convert`` and ``prepare`` as a person runs them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Annotation, Record
from fractura.datasets.storage import read_manifest, write_manifest
from fractura.findings import Box
from fractura.imaging.load import load


@pytest.fixture
def manifest(tmp_path, phantom_pngs):
    """A fracture, an abnormal image, a normal one and one of unknown label."""
    labels = ("fracture", "abnormal", "normal", "unknown")
    records = [
        Record(
            id=f"ward/{path.name}",
            path=path,
            source="ward",
            label=label,
            split="train",
            annotations=(Annotation("fracture", Box(10, 20, 50, 60)),) * (label == "fracture"),
            width=200,
            height=240,
        )
        for path, label in zip(phantom_pngs, labels, strict=True)
    ]
    write_manifest(tmp_path / "m.csv", Manifest(tuple(records)))


@pytest.mark.usefixtures("manifest")
def test_convert(fractura, tmp_path):
    result = fractura("data", "convert", "m.csv", "--to", "coco", "--out", "coco")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "train: 1 fracture, 1 normal.",
        "Skipped: 1 images are labelled abnormal, but nothing is marked.",
        "Skipped: 1 images have an unknown label.",
        "Rendered as PNG: 2 images that programs read unlike, or not.",
        "Written to coco.",
    ]
    content = json.loads((tmp_path / "coco" / "train" / "_annotations.coco.json").read_text())
    assert [one["bbox"] for one in content["annotations"]] == [[10, 20, 40, 40]]
    rendered = tmp_path / "coco" / "train" / "phantom-0.png"
    assert not rendered.is_symlink()
    with Image.open(rendered) as image:
        assert (image.mode, image.size) == ("L", (200, 240))

    fractura("data", "convert", "m.csv", "--to", "folders", "--out", "f", "--images", "copy")
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("f/**/*.png"))
    assert made == [
        "f/train/abnormal/phantom-1.png",
        "f/train/fracture/phantom-0.png",
        "f/train/normal/phantom-2.png",
    ]
    options = ("--polygons", "--images", "none")
    said = fractura("data", "convert", "m.csv", "--to", "yolo", "--out", "y", *options)
    assert (
        "Left as they are: 2 images that programs read unlike, or not; --images link or copy "
        "renders them." in said.stdout
    )
    line = (tmp_path / "y" / "labels" / "train" / "phantom-0.txt").read_text()
    assert len(line.split()) == 9


@pytest.mark.usefixtures("manifest")
def test_what_cannot_be_rendered_is_said_and_not_written(fractura, tmp_path):
    records = read_manifest(tmp_path / "m.csv").records
    (tmp_path / "short.png").write_bytes(records[0].path.read_bytes()[:-40])
    lost = replace(records[0], id="ward/short", path=tmp_path / "short.png")
    write_manifest(tmp_path / "m.csv", Manifest((*records, lost)))
    result = fractura("data", "convert", "m.csv", "--to", "yolo", "--out", "y")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "train: 1 fracture, 1 normal."
    assert "Skipped: 1 images are damaged, the first is " in result.stdout
    assert "short.png" in result.stdout
    assert not list(tmp_path.rglob("y/**/short.*"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--to", "coco", "--polygons"], 2, "changes YOLO's files alone"),
        (["--to", "folders", "--images", "none"], 2, "class folders are made of images"),
        (["--to", "coco", "--out", "."], 1, "there is something already"),
    ],
)
@pytest.mark.usefixtures("manifest")
def test_wrong_conversions(fractura, arguments, status, message):
    result = fractura("data", "convert", "m.csv", "--out", "o", *arguments)
    assert result.exit_code == status
    assert message in result.stderr


@pytest.mark.usefixtures("manifest")
def test_prepare(fractura, tmp_path):
    result = fractura("data", "prepare", "m.csv", "--out", "p", "--side", 120, "--bits", 16)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "ward: read 4, kept 4, dropped 0"
    assert lines[1].startswith("4 images, ")
    assert lines[2].startswith("Loading one takes ")
    made = read_manifest(Path("p/manifest.parquet")).records
    assert [(one.width, one.height, one.bits) for one in made] == [(100, 120, 16)] * 4
    assert load(made[0].path).pixels.shape == (120, 100)
    assert made[0].annotations == (Annotation("fracture", Box(5, 10, 25, 30)),)

    broken = read_manifest(tmp_path / "m.csv").records
    (tmp_path / "empty.png").touch()
    lost = Record(id="ward/x", path=tmp_path / "empty.png", source="ward", label="normal")
    write_manifest(tmp_path / "m.csv", Manifest((*broken, lost)))
    result = fractura("data", "prepare", "m.csv", "--out", "p", "--side", 120, "--bits", 16)
    assert result.exit_code == 1
    assert "ward: read 5, kept 4, dropped 1 because" in result.stdout
    assert "empty.png: it is empty,files are damaged" in (tmp_path / "p/dropped.csv").read_text()
    assert fractura("data", "prepare", "m.csv", "--out", "p", "--bits", 12).exit_code == 2

    before = (tmp_path / "p/manifest.parquet").read_bytes()
    again = fractura("data", "prepare", "p/manifest.parquet", "--out", "p", "--side", 32)
    assert again.exit_code == 2
    assert "p holds the manifest to prepare" in again.stderr
    assert (tmp_path / "p/manifest.parquet").read_bytes() == before
