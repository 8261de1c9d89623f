"""Data sets in COCO's layout: JSON files that list images, categories and annotations."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fractura.datasets.record import Dropped, Outline, Record, Remark, Split
from fractura.datasets.sources.classes import (
    Meaning,
    annotate,
    find_meanings,
    image_fields,
    summary,
)
from fractura.datasets.sources.folder import Locator, one_split, read_folder, split_in, with_images
from fractura.datasets.sources.marks import MarkError, check_pixels, to_upright, turned
from fractura.datasets.sources.rle import decode_mask, mask_box, mask_outlines
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.words import splits_named
from fractura.findings import Box

Item = Mapping[str, Any]


@dataclass(frozen=True)
class _File:
    """One JSON file: its POSIX path from the folder, and what it lists.

    ``shared`` are ids that several images have; ``lost``: some annotation names no listed image.
    """

    name: str
    images: list[Any]
    marks: Mapping[Any, list[Any]]
    classes: Mapping[Any, str]
    strays: tuple[Dropped, ...]
    shared: frozenset[Any]
    lost: bool

    @property
    def splits(self) -> set[Split]:
        return splits_named(self.name)


def read(root: Path, options: Options) -> Iterator[Record | Dropped | Remark]:
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
    used = Counter(
        file.classes[key]
        for file in files
        for marks in file.marks.values()
        for mark in marks
        if (key := _key(mark.get("category_id"))) in file.classes
    )
    meanings = find_meanings(str(root), sorted(used), options.labels)
    yield from (*folder.lost, *foreign)
    yield from summary(used, meanings)
    locator, taken = Locator(folder.images), set[str]()
    for file in sorted(files, key=lambda file: (not file.splits, file.name)):
        yield from file.strays
        ids = set()
        several = _listed_with_several_ids(file, locator)
        for number, item in enumerate(file.images, 1):
            where = f"{file.name}, image {number}"
            if not isinstance(item, dict) or not isinstance(item.get("file_name"), str):
                yield Dropped(where, "images without a file name")
                continue
            key = _key(item.get("id"))
            if key is None or (key in ids and key not in file.shared):
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
                record = _record(file, item, image, folder.images[image], meanings, options)
                yield _unknown(record, file.name) if image in several else record
    if chosen is None:
        for image in folder.images:
            if image not in taken:
                yield Dropped(image, "images that no JSON file lists")


def _listed_with_several_ids(file: _File, locator: Locator) -> set[str]:
    """Images that a file lists several times, under several ids: some item means another image."""
    ids: dict[str, set[Any]] = defaultdict(set)
    for item in file.images:
        if isinstance(item, dict) and isinstance(item.get("file_name"), str):
            image = locator.by_name(item["file_name"], file.name)
            if image is not None:
                ids[image].add(_key(item.get("id")))
    return {image for image, keys in ids.items() if len(keys) > 1}


def _unknown(record: Record, name: str) -> Record:
    note = f"{name} lists an image of this name under several ids"
    return replace(
        record, label="unknown", annotations=(), fracture_types=(), notes=(*record.notes, note)
    )


def _read_file(name: str, path: Path) -> _File | None:
    try:
        content = json.loads(path.read_bytes())
        images, marks = content["images"], content["annotations"]
        classes = _classes(content["categories"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(images, list) or not isinstance(marks, list):
        return None
    keys = Counter(_key(item.get("id")) for item in images if isinstance(item, dict))
    shared = {key for key, count in keys.items() if key is not None and count > 1}
    of_image: dict[Any, list[Any]] = defaultdict(list)
    strays = []
    for number, mark in enumerate(marks, 1):
        key = _key(mark.get("image_id")) if isinstance(mark, dict) else None
        if key in shared:
            strays.append(
                Dropped(f"{name}, annotation {number}", "annotations of an id of several images")
            )
        elif key is not None and key in keys:
            of_image[key].append(mark)
        else:
            strays.append(
                Dropped(f"{name}, annotation {number}", "annotations of images not listed")
            )
    lost = any(stray.reason.endswith("not listed") for stray in strays)
    return _File(name, images, of_image, classes, tuple(strays), frozenset(shared), lost)


def _classes(categories: Any) -> dict[Any, str]:
    """Names by id; an id of two names says nothing, and marks with it are not understood."""
    names: dict[Any, set[str]] = defaultdict(set)
    for item in categories:
        names[_key(item["id"])].add(str(item["name"]))
    return {
        key: name
        for key, found in names.items()
        if key is not None and len(found) == 1
        for name in found
    }


def _key(value: Any) -> int | str | None:
    """An id in one form: exporters write 7, 7.0 and "7" for the same; ``None`` if it is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        text = value.strip()
        is_number = re.fullmatch(r"0|[1-9]\d{0,17}", text) is not None
        return int(text) if is_number else text or None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
    named, key = [], _key(item["id"])
    width, height = item.get("width"), item.get("height")
    for mark in file.marks.get(key, ()):
        where = f"{file.name}, annotation {mark.get('id')!r}"
        try:
            name = file.classes[_key(mark["category_id"])]
            try:
                marks.append((name, *_shape(mark)))
            except MarkError as error:
                wrong.append(f"{where} is left out: {error}")
            named.append(name)
        except (KeyError, TypeError, ValueError, OverflowError):
            wrong.append(f"{where} is not understood and left out")
    try:
        boxes = to_upright([box for _, box, _ in marks], path, (width, height))
        marks = [
            (name, upright, outlines if upright == box else ())
            for (name, box, outlines), upright in zip(marks, boxes, strict=True)
        ]
    except MarkError as error:
        marks = []
        wrong.append(f"{file.name}: the marks of {item['file_name']} are left out: {error}")
    if key in file.shared:
        wrong.append(f"{file.name} gives the id {item['id']!r} to several images")
    elif file.lost and not named:
        wrong.append(f"{file.name} has annotations of images that it does not list")
    content, more = image_fields(named, meanings, complete=not wrong)
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
    check_pixels(box)
    degrees = float((mark.get("attributes") or {}).get("rotation") or 0)
    if not outlines:
        box = turned(box, degrees)
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
