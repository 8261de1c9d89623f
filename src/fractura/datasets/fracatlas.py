"""FracAtlas in its own layout (Abedeen et al. 2023, doi 10.1038/s41597-023-02432-4, CC BY 4.0)."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.findings import REGIONS, Box

FIRST_TEST_NUMBER = 3295
FIRST_VALID_NUMBER = 3733


def official_split(number: int) -> str:
    """The split that FracAtlas's own CSV files imply by image number, normals included."""
    if number < FIRST_TEST_NUMBER:
        return "train"
    return "test" if number < FIRST_VALID_NUMBER else "valid"


def read_fracatlas(root: Path) -> list[Record]:
    """Read ``dataset.csv``, the COCO polygons and the image folders below ``root``.

    Raises:
        FracturaError: a part of the data set is missing.
    """
    table = root / "dataset.csv"
    coco = root / "Annotations" / "COCO JSON" / "COCO_fracture_masks.json"
    for needed in (table, coco):
        if not needed.is_file():
            raise FracturaError(
                f"{needed} is missing; download FracAtlas (https://doi.org/10.6084/"
                "m9.figshare.22363012, CC BY 4.0) and give the folder that holds dataset.csv"
            )
    annotations = _annotations(json.loads(coco.read_text(encoding="utf-8")))
    with table.open(newline="", encoding="utf-8") as handle:
        records = [_record(root, row, annotations) for row in csv.DictReader(handle)]
    return sorted(records, key=lambda record: record.number)


def _annotations(coco: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for annotation in coco["annotations"]:
        by_name[names[annotation["image_id"]]].append(annotation)
    return by_name


def _record(
    root: Path, row: dict[str, str], annotations: dict[str, list[dict[str, Any]]]
) -> Record:
    name = row["image_id"]
    fractured = row["fractured"] == "1"
    path = root / "images" / ("Fractured" if fractured else "Non_fractured") / name
    if not path.is_file():
        raise FracturaError(f"{path} is missing although dataset.csv lists it; restore the file")
    boxes, polygons = [], []
    for annotation in annotations.get(name, []):
        x, y, width, height = annotation["bbox"]
        boxes.append(Box(x, y, x + width, y + height))
        outline = np.concatenate([np.reshape(part, (-1, 2)) for part in annotation["segmentation"]])
        polygons.append(outline.astype(np.float32))
    number = int(Path(name).stem.removeprefix("IMG"))
    return Record(
        name=name,
        path=path,
        fractured=fractured,
        boxes=tuple(boxes),
        polygons=tuple(polygons),
        regions=tuple(region for region in REGIONS if row[region] == "1"),
        split=official_split(number),
        number=number,
    )
