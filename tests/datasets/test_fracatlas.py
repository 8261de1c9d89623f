"""FracAtlas's layout, its split, and a fold that nobody leaks into."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fractura.datasets.duplicates import near_duplicates, thumbnail
from fractura.datasets.fracatlas import official_split, read_fracatlas
from fractura.datasets.holdout import BLOCK, held_out, part
from fractura.errors import FracturaError
from fractura.findings import Box
from fractura.imaging.load import load

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "fracatlas"
FIELDS = "image_id,hand,leg,hip,shoulder,mixed,hardware,multiscan,fractured,fracture_count"


def write_fracatlas(root: Path, fractured: dict[int, bool]) -> None:
    """A tree with FracAtlas's layout; fractured images have one box (10, 20)–(40, 60)."""
    coco = root / "Annotations" / "COCO JSON" / "COCO_fracture_masks.json"
    coco.parent.mkdir(parents=True)
    for folder in ("Fractured", "Non_fractured"):
        (root / "images" / folder).mkdir(parents=True)
    images, annotations = [], []
    with (root / "dataset.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(FIELDS.split(","))
        for number, positive in fractured.items():
            name = f"IMG{number:07d}.jpg"
            writer.writerow([name, 1, 0, 0, 0, 0, 0, 0, int(positive), int(positive)])
            folder = "Fractured" if positive else "Non_fractured"
            pixels = np.random.default_rng(number).integers(0, 255, (16, 12), dtype=np.uint8)
            picture = cv2.resize(pixels, (96, 128), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(root / "images" / folder / name), picture)
            if positive:
                images.append({"id": number, "file_name": name, "width": 96, "height": 128})
                outline = [10, 20, 40, 20, 40, 60, 10, 60]
                annotations.append(
                    {"image_id": number, "bbox": [10, 20, 30, 40], "segmentation": [outline]}
                )
    coco.write_text(json.dumps({"images": images, "annotations": annotations}))


def test_reads_labels_boxes_outlines_and_the_official_split(tmp_path: Path) -> None:
    write_fracatlas(tmp_path, {0: True, 3294: False, 3295: False, 3732: True, 3733: False})
    records = read_fracatlas(tmp_path)
    assert [record.split for record in records] == ["train", "train", "test", "test", "valid"]
    assert [record.fractured for record in records] == [True, False, False, True, False]
    assert records[0].boxes == (Box(10, 20, 40, 60),)
    assert records[0].polygons[0].tolist() == [[10, 20], [40, 20], [40, 60], [10, 60]]
    assert records[0].regions == ("hand",)
    assert load(records[0].path).pixels.shape == (128, 96)


def test_says_what_is_missing_and_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match=r"dataset\.csv.*download.*CC BY"):
        read_fracatlas(tmp_path)
    write_fracatlas(tmp_path, {1: True, 2: False})
    (tmp_path / "images" / "Non_fractured" / "IMG0000002.jpg").unlink()
    with pytest.raises(FracturaError, match=r"IMG0000002\.jpg"):
        read_fracatlas(tmp_path)


def test_nothing_near_the_held_out_fold_or_valid_is_trained_on(tmp_path: Path) -> None:
    numbers = [*range(0, 6 * BLOCK), 3800, 3801]
    write_fracatlas(tmp_path, {number: number % 3 == 0 for number in numbers})
    records = read_fracatlas(tmp_path)
    by_number = {record.number: record for record in records}
    copied = by_number[3800]
    twin = by_number[4 * BLOCK + 10]
    twin.path.write_bytes(copied.path.read_bytes())
    thumbnails = {record.name: thumbnail(load(record.path).pixels) for record in records}
    parts = part(records, thumbnails, folds=3, fold=0)
    assert {record.number // BLOCK for record in parts.fold} == {0, 3}
    assert all(held_out(record, 3, 0) for record in parts.fold)
    trained = {record.number for record in parts.train}
    assert not trained & {twin.number - 1, twin.number, twin.number + 1}
    assert not trained & {BLOCK, 3 * BLOCK - 1, 4 * BLOCK}
    everything = [*parts.train, *parts.fold, *parts.valid, *parts.dropped]
    assert sorted(record.number for record in everything) == numbers


def test_mirrored_and_brightened_copies_are_near_duplicates() -> None:
    random = np.random.default_rng(0)
    pictures = [cv2.resize(random.random((8, 6), dtype=np.float32), (120, 160)) for _ in range(12)]
    known = [thumbnail(picture) for picture in pictures[:6]]
    changed = [thumbnail(0.3 + 0.5 * picture[:, ::-1] ** 1.1) for picture in pictures]
    assert near_duplicates(changed, known).tolist() == [True] * 6 + [False] * 6


def test_boundaries_of_the_official_split() -> None:
    assert [official_split(n) for n in (3294, 3295, 3732, 3733)] == [
        "train", "test", "test", "valid",
    ]  # fmt: skip


@pytest.mark.skipif(not REAL.is_dir(), reason="needs FracAtlas in ../shared/data")
def test_the_real_data_set() -> None:
    records = read_fracatlas(REAL)
    count = {
        split: (len(chosen), sum(record.fractured for record in chosen))
        for split in ("train", "valid")
        if (chosen := [record for record in records if record.split == split])
    }
    assert count == {"train": (3258, 574), "valid": (391, 82)}
    assert all(bool(record.boxes) == record.fractured for record in records)
