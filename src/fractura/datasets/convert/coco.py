"""COCO's instances (Lin et al. 2014, cocodataset.org/#format-data), one file a split."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fractura.datasets.convert.place import Images, Progress, Written, put_images, whole_folder
from fractura.datasets.convert.select import ConvertedImage
from fractura.datasets.record import FRACTURE, SPLITS, Annotation, Outline

FILE = "_annotations.coco.json"


def write_coco(
    items: Sequence[ConvertedImage],
    folder: Path,
    images: Images,
    progress: Progress,
) -> Written:
    """Write ``SPLIT/_annotations.coco.json`` with the images beside it, as RF-DETR reads it.

    Images without annotations are listed too. Where ``images`` is ``none``, ``file_name`` is the
    path from the annotation file to the image.

    Raises:
        FracturaError: ``folder`` is not empty, an image is missing, or none can be written.
        SaveError: it cannot be written.
    """
    with whole_folder(folder) as target:
        written = put_images(items, lambda item: target / item.split, images, progress)
        for split, content in _contents(written.items, folder, images).items():
            (target / split).mkdir(exist_ok=True)
            text = json.dumps(content, ensure_ascii=False)
            (target / split / FILE).write_text(text, encoding="utf-8")
        return written


def _contents(
    items: Sequence[ConvertedImage], folder: Path, images: Images
) -> dict[str, dict[str, Any]]:
    """What each split's file holds."""
    names = sorted({mark.label for item in items for mark in item.marks} | {FRACTURE})
    names.sort(key=lambda name: name != FRACTURE)
    categories = {name: number for number, name in enumerate(names, 1)}
    licences = sorted({item.record.licence for item in items if item.record.licence})
    contents: dict[str, dict[str, Any]] = {
        split: {
            "info": {"description": f"{split}, converted by fractura"},
            "licenses": [{"id": number, "name": name} for number, name in enumerate(licences, 1)],
            "categories": [
                {"id": number, "name": name, "supercategory": "finding"}
                for name, number in categories.items()
            ],
            "images": [],
            "annotations": [],
        }
        for split in SPLITS
        if any(item.split == split for item in items)
    }
    for number, item in enumerate(items, 1):
        record, content = item.record, contents[item.split]
        name = item.name
        if images == "none":
            path = os.path.relpath(record.path.absolute(), folder.absolute() / item.split)
            name = Path(path).as_posix()
        entry = {"id": number, "file_name": name, "width": record.width}
        entry["height"] = record.height
        if record.licence:
            entry["license"] = licences.index(record.licence) + 1
        content["images"].append(entry)
        for mark in item.marks:
            annotation = {"id": len(content["annotations"]) + 1, "image_id": number}
            annotation |= _annotation(mark, categories)
            content["annotations"].append(annotation)
    return contents


def _annotation(mark: Annotation, categories: dict[str, int]) -> dict[str, Any]:
    box = mark.box
    outlines = [outline for outline in mark.outlines if len(outline) >= 3]
    return {
        "category_id": categories[mark.label],
        "bbox": [box.x_min, box.y_min, box.width, box.height],
        "area": sum(map(_area, outlines)) if outlines else box.width * box.height,
        "segmentation": [[value for corner in outline for value in corner] for outline in outlines],
        "iscrowd": 0,
    }


def _area(outline: Outline) -> float:
    """Gauss's shoelace formula."""
    turned = (*outline[1:], outline[0])
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(outline, turned, strict=True))) / 2
