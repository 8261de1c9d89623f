"""YOLO's text files, as docs.ultralytics.com/datasets describes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fractura.datasets.convert.place import Images, Progress, Written, put_images, whole_folder
from fractura.datasets.convert.select import ConvertedImage, cut_suffix
from fractura.datasets.record import FRACTURE, SPLITS, Annotation, Outline
from fractura.findings import Box


def write_yolo(
    items: Sequence[ConvertedImage],
    folder: Path,
    images: Images,
    progress: Progress,
    *,
    polygons: bool = False,
) -> Written:
    """Write ``data.yaml``, ``images/SPLIT`` and ``labels/SPLIT``.

    The label file of an image without annotations is empty.

    Args:
        items: images of known size.
        folder: new or empty.
        images: how the images get there.
        progress: hands outcomes on and shows how many have passed.
        polygons: lines with outlines instead of boxes. A box without an outline becomes its four
            corners; the parts of an outline in several are joined by lines without width.

    Raises:
        FracturaError: ``folder`` is not empty, an image is missing, or none can be written.
        SaveError: it cannot be written.
    """
    with whole_folder(folder) as target:
        written = put_images(items, lambda item: target / "images" / item.split, images, progress)
        names = sorted({mark.label for item in written.items for mark in item.marks} | {FRACTURE})
        names.sort(key=lambda name: name != FRACTURE)
        for item in written.items:
            lines = [_line(item, mark, names.index(mark.label), polygons) for mark in item.marks]
            label = target / "labels" / item.split / f"{cut_suffix(item.name)[0]}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("".join(lines), encoding="utf-8")
        splits = [split for split in SPLITS if any(item.split == split for item in written.items)]
        head = [f"{'val' if split == 'valid' else split}: images/{split}\n" for split in splits]
        classes = [
            f"  {number}: {json.dumps(name, ensure_ascii=False)}\n"
            for number, name in enumerate(names)
        ]
        (target / "data.yaml").write_text("".join([*head, "names:\n", *classes]), encoding="utf-8")
        return written


def _line(item: ConvertedImage, mark: Annotation, number: int, polygons: bool) -> str:
    width, height = item.record.width or 1, item.record.height or 1
    if polygons:
        corners = _joined(
            [part for part in mark.outlines if len(part) >= 3] or [_corners(mark.box)]
        )
    else:
        box = mark.box
        middle = ((box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2)
        corners = (middle, (box.width, box.height))
    values = [value for x, y in corners for value in (x / width, y / height)]
    return " ".join([str(number), *(f"{value:.10g}" for value in values)]) + "\n"


def _corners(box: Box) -> Outline:
    return (
        (box.x_min, box.y_min),
        (box.x_max, box.y_min),
        (box.x_max, box.y_max),
        (box.x_min, box.y_max),
    )


def _joined(parts: Sequence[Outline]) -> Outline:
    """One outline: from each part to the next, and back the same way."""
    if len(parts) == 1:
        return parts[0]
    forth = [corner for part in parts for corner in (*part, part[0])]
    return (*forth, *(part[0] for part in parts[-2:0:-1]))
