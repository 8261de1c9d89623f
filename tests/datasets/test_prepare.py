"""Prepared images are what loading and resizing gives, and a second run makes nothing again."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fractura.datasets.manifest import Intake, Manifest
from fractura.datasets.prepare import PrepareSettings, measure_speed, prepare
from fractura.datasets.record import Annotation, Record
from fractura.datasets.storage import write_dropped
from fractura.errors import FracturaError
from fractura.findings import Box
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import resize_long_side
from fractura.imaging.save import save_png, to_16_bit

MARK = Annotation("fracture", Box(20, 24, 100, 120), (((20, 24), (100, 24), (60, 120)),), "oblique")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """A 16-bit PNG of 200 x 240, a JPEG of 300 x 150 and a PNG of 40 x 48."""
    folder = tmp_path_factory.mktemp("originals")
    phantom = make_phantom(3, width=200, height=240).radiograph.pixels
    save_png(folder / "a.png", to_16_bit(phantom))
    cv2.imwrite(str(folder / "b.jpg"), np.uint8(255 * resize_long_side(phantom, 300)[:150, :]))
    save_png(folder / "c.png", to_16_bit(resize_long_side(phantom, 48)))
    result = []
    for path in sorted(folder.iterdir()):
        pixels = load(path).pixels
        result.append(
            Record(
                id=f"s/{path.name}",
                path=path,
                source="s",
                label="fracture",
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                annotations=(MARK,),
                height=pixels.shape[0],
                width=pixels.shape[1],
                split="train",
                extra={"kept": "yes"},
            )
        )
    return result


@pytest.mark.parametrize("bits", [8, 16])
def test_pixels_are_those_of_load_and_resize(
    records: list[Record], tmp_path: Path, bits: int
) -> None:
    settings = PrepareSettings(120, 16 if bits == 16 else 8)
    made = prepare(Manifest(tuple(records)), tmp_path, settings)
    for before, after in zip(records, made.manifest.records, strict=True):
        pixels = load(before.path).pixels
        wanted = resize_long_side(pixels, min(120, max(pixels.shape)))
        found = load(after.path)
        assert (found.bits, found.warnings) == (bits, ())
        assert np.abs(found.pixels - wanted).max() <= 0.5 / (2**bits - 1) + 1e-6
        assert (after.height, after.width) == wanted.shape
        assert (after.bits, after.format) == (bits, "PNG")
        assert after.sha256 == found.sha256
        assert after.extra == {"kept": "yes", "prepared_from": before.sha256}
        assert (after.id, after.split, after.label) == (before.id, before.split, before.label)
        x, y = wanted.shape[1] / pixels.shape[1], wanted.shape[0] / pixels.shape[0]
        (mark,) = after.annotations or ()
        assert mark.box.as_list() == pytest.approx([20 * x, 24 * y, 100 * x, 120 * y])
        assert np.array(mark.outlines[0]) == pytest.approx(np.array(MARK.outlines[0]) * (x, y))
        assert (mark.label, mark.kind) == ("fracture", "oblique")
    assert [one.width for one in made.manifest.records] == [100, 120, 40]
    speed = measure_speed(records, made.manifest.records, settings)
    assert speed is not None
    assert speed.files == 3


def test_a_second_run_makes_nothing_again(records: list[Record], tmp_path: Path) -> None:
    manifest, settings = Manifest(tuple(records)), PrepareSettings(100)

    def interrupted(items: Iterator, total: int) -> Iterator:
        yield next(items)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(manifest, tmp_path, settings, progress=interrupted)
    begun = len(list((tmp_path / "images").glob("*.png")))
    made = prepare(manifest, tmp_path, settings)
    assert made.held == begun
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "images").iterdir()}
    again = prepare(manifest, tmp_path, settings)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "images").iterdir()} == times
    assert again == replace(made, held=3)
    assert not prepare(manifest, tmp_path, PrepareSettings(101)).held
    assert prepare(Manifest(()), tmp_path, settings).manifest.records == ()


def test_what_cannot_be_read_is_dropped_with_its_reason(
    records: list[Record], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(records[0].path.read_bytes()[:60])
    (tmp_path / "text.png").write_text("no image")
    bad = [
        replace(records[0], id=f"t/{name}", source="t", path=tmp_path / name, sha256=None)
        for name in ("broken.png", "text.png", "missing.png")
    ]
    bad.append(replace(records[0], id="t/other", source="t", sha256="0" * 64))
    intakes = (
        Intake("s", "yolo", "", None, 9, 3, {"lost": 6}),
        Intake("t", "coco", "", None, 4, 4),
    )
    made = prepare(Manifest((*records, *bad), intakes), tmp_path / "out", PrepareSettings())
    assert [one.id for one in made.manifest.records] == [one.id for one in records]
    reasons = {
        "files are damaged": 1,
        "files are no images that can be read": 1,
        "files cannot be opened": 1,
        "files are not those that the manifest was built from": 1,
    }
    assert made.intakes[1].sentence().startswith("t: read 4, kept 0, dropped 4 because: ")
    assert made.intakes[1].dropped == reasons
    assert made.manifest.intakes == (intakes[0], replace(intakes[1], kept=0, dropped=reasons))
    write_dropped(tmp_path / "dropped.csv", made.dropped)
    with (tmp_path / "dropped.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == ["t"] * 4
    assert str(tmp_path / "missing.png") in rows[2]["what"]
    write_dropped(tmp_path / "dropped.csv", ())
    assert not (tmp_path / "dropped.csv").exists()
    with pytest.raises(FracturaError, match=r"no image can be prepared; the first: .*broken\.png"):
        prepare(Manifest(tuple(bad)), tmp_path / "none", PrepareSettings())
