"""FracAtlas: layout, official split, polygons, and what its parts say against each other."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from fractura.datasets.record import Record
from fractura.datasets.sources.fracatlas import COCO, SOURCE, TABLE, official_split
from fractura.datasets.sources.source import Options, SourceError
from fractura.findings import Box
from tests.datasets.sources.trees import draw, read

HEAD = (
    "image_id,hand,leg,hip,shoulder,mixed,hardware,multiscan,fractured,fracture_count,"
    "frontal,lateral,oblique"
)
OUTLINE = ((10.0, 20.0), (40.0, 20.0), (40.0, 60.5), (10.0, 60.5))


def write_fracatlas(root: Path, fractured: Mapping[int, bool]) -> None:
    """A tree with FracAtlas's layout; each fractured image has one polygon, ``OUTLINE``."""
    (root / COCO).parent.mkdir(parents=True)
    images, annotations = [], []
    with (root / TABLE).open("w", newline="") as file:
        writer = csv.writer(file)
        file.write(f"{HEAD}\n")
        for number, positive in fractured.items():
            name = f"IMG{number:07d}.jpg"
            writer.writerow([name, 1, 0, 1, 0, 1, int(positive), 0, *[int(positive)] * 2, 1, 0, 1])
            draw(root / "images" / ("Fractured" if positive else "Non_fractured") / name, number)
            if positive:
                images.append({"id": number, "file_name": name, "width": 96, "height": 128})
                corners = [value for corner in OUTLINE for value in corner]
                annotations.append(
                    {"image_id": number, "bbox": [10, 20, 30, 40.5], "segmentation": [corners]}
                )
    (root / COCO).write_text(json.dumps({"images": images, "annotations": annotations}))


def test_every_field_is_filled_from_its_own_layout(tmp_path: Path) -> None:
    write_fracatlas(tmp_path, {0: True, 3294: False, 3295: False, 3732: True, 3733: False})
    records, dropped = read(SOURCE, tmp_path)
    assert dropped == {}
    assert [record.order for record in records.values()] == [0, 3294, 3295, 3732, 3733]
    assert [record.official_split for record in records.values()] == [
        *("train", "train", "test", "test", "valid")
    ]
    broken, sound = records["IMG0000000.jpg"], records["IMG0003294.jpg"]
    assert (broken.label, sound.label) == ("fracture", "no fracture")
    assert broken.annotations is not None
    assert broken.annotations[0].box == Box(10, 20, 40, 60.5)
    assert broken.annotations[0].outlines == (OUTLINE,)
    assert sound.annotations == ()
    assert broken.regions == ("hand", "hip")
    assert broken.views == ("frontal", "oblique")
    assert (broken.hardware, sound.hardware) == (True, False)
    assert broken.extra == {"multiscan": "0", "fracture_count": "1"}
    assert broken.notes == sound.notes == ()


def test_contradictions_become_notes_and_the_rest_is_counted(tmp_path: Path) -> None:
    write_fracatlas(tmp_path, {1: True, 2: True, 3: False, 4: False, 5: True})
    table, images = tmp_path / TABLE, tmp_path / "images"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace(",1,1,1,0,1", ",0,2,1,0,1")  # IMG1: boxes and folder say fractured
    lines += [lines[3], "IMG0000009.jpg,1,0,0,0,0,0,0,0,0,1,0,0", "cat.jpg" + ",0" * 12]
    table.write_text("\n".join(lines))
    (images / "Fractured" / "IMG0000002.jpg").rename(images / "Non_fractured" / "IMG0000002.jpg")
    (images / "Non_fractured" / "IMG0000003.jpg").rename(images / "Fractured" / "IMG0000003.jpg")
    draw(images / "Fractured" / "IMG0000004.jpg")
    draw(images / "Fractured" / "IMG0000008.jpg")
    coco = json.loads((tmp_path / COCO).read_text())
    coco["annotations"] = [item for item in coco["annotations"] if item["image_id"] != 5]
    (tmp_path / COCO).write_text(json.dumps(coco))
    records, dropped = read(SOURCE, tmp_path)
    said = {record.order: (record.label, *record.notes) for record in records.values()}
    assert said == {
        1: (
            "fracture",
            "dataset.csv says fractured 0, the file lies in Fractured and COCO has 1 boxes",
            "dataset.csv counts 2 fractures, COCO has 1 boxes",
        ),
        2: (
            "fracture",
            "dataset.csv says fractured 1, the file lies in Non_fractured and COCO has 1 boxes",
        ),
        3: (
            "no fracture",
            "dataset.csv says fractured 0, the file lies in Fractured and COCO has 0 boxes",
        ),
        4: ("no fracture",),
        5: (
            "fracture",
            "dataset.csv says fractured 1, the file lies in Fractured and COCO has 0 boxes",
            "dataset.csv counts 1 fractures, COCO has 0 boxes",
        ),
    }
    assert dropped == {
        "lines that list an image again": [f"{table}, line 7"],
        "files are missing": ["IMG0000009.jpg"],
        "lines without an image or a label": [f"{table}, line 9"],
        "files that lie in two folders": ["Fractured/IMG0000004.jpg"],
        "files that dataset.csv does not list": ["Fractured/IMG0000008.jpg"],
    }


def test_says_what_is_missing_and_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"dataset\.csv is missing.*22363012 \(CC BY 4\.0"):
        read(SOURCE, tmp_path)
    write_fracatlas(tmp_path, {1: True})
    (tmp_path / TABLE).write_text((tmp_path / TABLE).read_text().replace("oblique", "Oblique"))
    with pytest.raises(SourceError, match=r"column 'oblique' is missing.*mean 'Oblique'"):
        read(SOURCE, tmp_path)
    (tmp_path / COCO).write_text("{")
    with pytest.raises(SourceError, match="not the COCO file of FracAtlas"):
        read(SOURCE, tmp_path)
    (tmp_path / COCO).unlink()
    with pytest.raises(SourceError, match=r"COCO_fracture_masks\.json is missing"):
        read(SOURCE, tmp_path)


def test_boundaries_of_the_official_split() -> None:
    assert [official_split(number) for number in (3294, 3295, 3732, 3733)] == [
        *("train", "test", "test", "valid")
    ]


def test_the_real_data_set(shared_data: Path) -> None:
    items = list(SOURCE.read(shared_data / "fracatlas", Options("fracatlas")))
    records = [item for item in items if isinstance(item, Record)]
    assert len(items) == len(records) == 3649
    assert Counter((record.official_split, record.label) for record in records) == {
        ("train", "fracture"): 574,
        ("train", "no fracture"): 2684,
        ("valid", "fracture"): 82,
        ("valid", "no fracture"): 309,
    }
    assert sum(len(record.fractures) for record in records) == 855
    assert all(bool(record.fractures) == record.fractured for record in records)
    assert all(record.notes == () for record in records)
