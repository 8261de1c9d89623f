"""Data sets in COCO's layout: JSON files that list images, categories and annotations."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractura.datasets.record import Dropped, Outline, Record, Split
from fractura.datasets.sources.classes import Meaning, annotate, find_meanings, image_fields
from fractura.datasets.sources.folder import Locator, one_split, read_folder, split_in, with_images
from fractura.datasets.sources.rle import decode_mask, mask_box, mask_outlines
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.words import splits_named
from fractura.findings import Box

Item = Mapping[str, Any]


@dataclass(frozen=True)
class _File:
    """One JSON file: its POSIX path from the folder, and what it lists."""

    name: str
    images: list[Any]
    marks: Mapping[Any, list[Any]]
    classes: Mapping[Any, str]
    strays: tuple[Dropped, ...]

    @property
    def splits(self) -> set[Split]:
        return splits_named(self.name)


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record an image that a JSON file lists (https://cocodataset.org/#format-data).

    All JSON files below the folder are read, those named for a split first; an image that
    several list belongs to the first. Images are found by name, wherever they lie. Masks in runs
    become polygons. Sizes are those that the file states. An image without annotations shows no
    fracture if others do.

    Args:
        root: the data set's folder, or one JSON file in it or in its ``annotations``.
        options: name, licence and the meaning of categories.

    Raises:
        SourceError: there is no image or no such JSON, or a category must be explained with
            ``--labels``.
    """
    chosen = root if root.is_file() else None
    if chosen is not None:
        root = root.parent.parent if root.parent.name.lower() == "annotations" else root.parent
    folder = with_images(read_folder(root, SOURCE))
    files, foreign = [], []
    for name, path in folder.others.items():
        if path == chosen or (chosen is None and name.lower().endswith(".json")):
            file = _read_file(name, path)
            if file is None:
                foreign.append(Dropped(name, "JSON files without COCO's lists"))
            else:
                files.append(file)
    if not files:
        raise SOURCE.missing(f"{chosen or root}: a JSON file with images, annotations, categories")
    used = {
        file.classes[key]
        for file in files
        for marks in file.marks.values()
        for mark in marks
        if _is_key(key := mark.get("category_id")) and key in file.classes
    }
    meanings = find_meanings(str(root), sorted(used), options.labels)
    yield from (*folder.lost, *foreign)
    locator, taken = Locator(folder.images), set[str]()
    for file in sorted(files, key=lambda file: (not file.splits, file.name)):
        yield from file.strays
        ids = set()
        for number, item in enumerate(file.images, 1):
            where = f"{file.name}, image {number}"
            if not isinstance(item, dict) or not isinstance(item.get("file_name"), str):
                yield Dropped(where, "images without a file name")
                continue
            key = item.get("id")
            if not _is_key(key) or key in ids:
                yield Dropped(f"{where}: {item['file_name']}", "images without an id of their own")
                continue
            ids.add(key)
            image = locator.by_name(item["file_name"], file.name)
            if image is None:
                yield Dropped(f"{where}: {item['file_name']}", "listed images that are missing")
            elif image in taken:
                yield Dropped(f"{where}: {image}", "images that were listed before")
            else:
                taken.add(image)
                yield _record(file, item, image, folder.images[image], meanings, options)
    if chosen is None:
        for image in folder.images:
            if image not in taken:
                yield Dropped(image, "images that no JSON file lists")


def _read_file(name: str, path: Path) -> _File | None:
    try:
        content = json.loads(path.read_bytes())
        images, marks = content["images"], content["annotations"]
        classes = {item["id"]: str(item["name"]) for item in content["categories"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(images, list) or not isinstance(marks, list):
        return None
    known = {item["id"] for item in images if isinstance(item, dict) and _is_key(item.get("id"))}
    of_image: dict[Any, list[Any]] = defaultdict(list)
    strays = []
    for number, mark in enumerate(marks, 1):
        key = mark.get("image_id") if isinstance(mark, dict) else None
        if _is_key(key) and key in known:
            of_image[key].append(mark)
        else:
            strays.append(
                Dropped(f"{name}, annotation {number}", "annotations of images not listed")
            )
    return _File(name, images, of_image, classes, tuple(strays))


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str)


def _record(
    file: _File,
    item: Item,
    image: str,
    path: Path,
    meanings: Mapping[str, Meaning],
    options: Options,
) -> Record:
    split, notes = one_split(file.splits, file.name)
    if split is None and not notes:
        split, notes = split_in(image)
    marks, wrong = [], []
    for mark in file.marks.get(item["id"], ()):
        try:
            marks.append((file.classes[mark["category_id"]], *_shape(mark)))
        except (KeyError, TypeError, ValueError, OverflowError):
            wrong.append(
                f"{file.name}, annotation {mark.get('id')!r} is not understood and left out"
            )
    content, more = image_fields((name for name, *_ in marks), meanings, complete=not wrong)
    width, height = item.get("width"), item.get("height")
    return Record(
        id=f"{options.name}/{image}",
        path=path,
        source=options.name,
        licence=options.licence,
        annotations=tuple(
            annotate(name, meanings[name], box, outlines) for name, box, outlines in marks
        ),
        width=width if isinstance(width, int) and width > 0 else None,
        height=height if isinstance(height, int) and height > 0 else None,
        official_split=split,
        notes=(*notes, *more, *wrong),
        **content,
    )


def _shape(mark: Item) -> tuple[Box, tuple[Outline, ...]]:
    """Box and outlines of an annotation; a missing box is that of its outlines."""
    segmentation = mark.get("segmentation") or []
    box: Box | None = None
    if isinstance(segmentation, dict):
        mask = decode_mask(segmentation)
        outlines, box = mask_outlines(mask), mask_box(mask)
    else:
        outlines = tuple(_outline(part) for part in segmentation)
        if outlines:
            xs, ys = zip(*(corner for outline in outlines for corner in outline), strict=True)
            box = Box(min(xs), min(ys), max(xs), max(ys))
    if mark.get("bbox"):
        x, y, width, height = _numbers(mark["bbox"])
        if width < 0 or height < 0:
            raise ValueError("the box has a negative size")
        box = Box(x, y, x + width, y + height)
    if box is None:
        raise ValueError("there is neither a box nor an outline")
    return box, outlines


def _outline(part: Any) -> Outline:
    numbers = _numbers(part)
    if len(numbers) < 6:
        raise ValueError("a polygon has at least three corners")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _numbers(values: Any) -> list[float]:
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a coordinate is not finite")
    return numbers


SOURCE = Source(
    name="coco",
    title="COCO: JSON files with images, categories and annotations (Lin et al. 2014)",
    address="",
    licence=None,
    size="",
    layout="images, and JSON files in annotations/ or beside the images of each split",
    read=read,
)
