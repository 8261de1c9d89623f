"""YOLO's text files, as docs.ultralytics.com/datasets describes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fractura.datasets.convert.place import Images, put_image, whole_folder
from fractura.datasets.convert.select import ConvertedImage
from fractura.datasets.record import FRACTURE, SPLITS, Annotation, Outline
from fractura.findings import Box


def write_yolo(
    items: Sequence[ConvertedImage],
    folder: Path,
    images: Images,
    progress: Callable[[Iterable[ConvertedImage]], Iterable[ConvertedImage]],
    *,
    polygons: bool = False,
) -> None:
    """Write ``data.yaml``, ``images/SPLIT`` and ``labels/SPLIT``.

    The label file of an image without annotations is empty.

    Args:
        items: images of known size.
        folder: new or empty.
        images: how the images get there.
        progress: hands items on and shows how many have passed.
        polygons: lines with outlines instead of boxes. A box without an outline becomes its four
            corners; the parts of an outline in several are joined by lines without width.

    Raises:
        FracturaError: ``folder`` is not empty, or an image is missing.
        SaveError: it cannot be written.
    """
    names = sorted({mark.label for item in items for mark in item.marks} | {FRACTURE})
    names.sort(key=lambda name: name != FRACTURE)
    splits = [split for split in SPLITS if any(item.split == split for item in items)]
    head = [f"{'val' if split == 'valid' else split}: images/{split}\n" for split in splits]
    classes = [
        f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(names)
    ]
    with whole_folder(folder) as target:
        for split in splits:
            (target / "labels" / split).mkdir(parents=True)
        for item in progress(items):
            put_image(item.record.path, target / "images" / item.split / item.name, images)
            lines = [_line(item, mark, names.index(mark.label), polygons) for mark in item.marks]
            label = (target / "labels" / item.split / item.name).with_suffix(".txt")
            label.write_text("".join(lines), encoding="utf-8")
        (target / "data.yaml").write_text("".join([*head, "names:\n", *classes]), encoding="utf-8")


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
