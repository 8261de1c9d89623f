"""Data sets in YOLO's layout: one text file an image, with boxes or polygons."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from fractura.datasets.record import Annotation, Dropped, Record, Remark
from fractura.datasets.sources.classes import (
    Meaning,
    annotate,
    find_meanings,
    image_fields,
    summary,
)
from fractura.datasets.sources.folder import head_of, one_split, read_folder, split_in, with_images
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.words import fracture_type
from fractura.datasets.sources.yolo_config import Config, is_config, read_config
from fractura.findings import Box


class _Mark(NamedTuple):
    """The name of a class and ``(x, y)`` of corners, in fractions of the image's sides."""

    name: str
    corners: tuple[tuple[float, float], ...]
    is_box: bool


def read(root: Path, options: Options) -> Iterator[Record | Dropped | Remark]:
    """One record an image; see :func:`read_as`."""
    return read_as(SOURCE, root, options)


def read_as(
    source: Source,
    root: Path,
    options: Options,
    kind_of: Callable[[str], str | None] = fracture_type,
) -> Iterator[Record | Dropped | Remark]:
    """One record an image of the layout that docs.ultralytics.com/datasets describes.

    The label file of ``train/images/x.jpg`` is ``train/labels/x.txt``, or ``x.txt`` beside the
    image. A line with four numbers after the class is a box (centre and size), one with three or
    more pairs a polygon, or a box with key points where ``data.yaml`` has ``kpt_shape``; all as
    fractions of the image's sides, which its head tells. Fractions
    outside 0..1 are kept. Splits are those of ``data.yaml``, else of the folders' names. An image
    with an empty label file shows no fracture; one without a label file is ``unknown``.

    Args:
        source: the kind of data set, for messages and its licence.
        root: its folder.
        options: name, licence and the meaning of classes.
        kind_of: the type of the fracture by the name of a class that means one.

    Raises:
        SourceError: there is no image, no label file or no name of a class, ``data.yaml`` is not
            well formed, or a class must be explained with ``--labels``.
    """
    folder = with_images(read_folder(root, source))
    config = read_config(folder)
    meanings = find_meanings(str(root), config.names.values(), options.labels, kind_of)
    texts = {image: _label_file(image, folder.others) for image in folder.images}
    if not any(texts.values()):
        raise source.missing(f"{root}: the label file of every image")
    yield from (*folder.lost, *config.missing)
    counts: Counter[str] = Counter()
    for image, path in folder.images.items():
        split, notes = one_split(config.splits_of(image), config.path)
        if split is None and not notes:
            split, notes = split_in(image)
        text = texts[image]
        if text is None:
            content: dict[str, Any] = {"label": "unknown"}
            notes += ("there is no label file",)
        else:
            content, more, marked = _read_labels(folder.others[text], text, path, config, meanings)
            counts.update(marked)
            notes += more
        yield Record(
            id=f"{options.name}/{image}",
            path=path,
            source=options.name,
            licence=options.licence or source.licence,
            official_split=split,
            notes=notes,
            **content,
        )
    yield from summary(counts, meanings)
    used = {text for text in texts.values() if text}
    folders = {posixpath.dirname(text) for text in used}
    for name in folder.others:
        spare = name.endswith(".txt") and posixpath.dirname(name) in folders
        if spare and name not in used and not is_config(name, config):
            yield Dropped(name, "label files without an image")


def _label_file(image: str, others: Collection[str]) -> str | None:
    path = PurePosixPath(image).with_suffix(".txt")
    parts = list(path.parts)
    if "images" in parts[:-1]:
        last = len(parts) - 2 - parts[-2::-1].index("images")
        mirrored = PurePosixPath(*parts[:last], "labels", *parts[last + 1 :]).as_posix()
        if mirrored in others:
            return mirrored
    return path.as_posix() if path.as_posix() in others else None


def _read_labels(
    file: Path, name: str, image: Path, config: Config, meanings: Mapping[str, Meaning]
) -> tuple[dict[str, Any], tuple[str, ...], list[str]]:
    """What an image's fields are, notes about what could not be read, and its marks' classes."""
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        return {"label": "unknown"}, (f"{name} cannot be read ({error.strerror})",), []
    marks, wrong = [], []
    for number, line in enumerate(lines, 1):
        if line.strip():
            mark = _parse(line.split(), config)
            if mark is None:
                wrong.append(f"{name}, line {number} is not understood and left out")
            else:
                marks.append(mark)
    marked = [mark.name for mark in marks]
    content, notes = image_fields(marked, meanings, complete=not wrong)
    head = head_of(image) if marks else None
    if head is not None and head.orientation != 1:
        wrong.append(
            "its file is turned by EXIF, and nothing tells whether the marks are of the picture as "
            "it is stored or as it is shown; they are left out"
        )
    elif head is not None:
        content["annotations"] = tuple(
            _annotation(mark, head.width, head.height, meanings[mark.name]) for mark in marks
        )
    elif marks:
        wrong.append("the image's size cannot be read, and so its marks are left out")
    else:
        content["annotations"] = ()
    return content, (*notes, *wrong), marked


def _parse(words: list[str], config: Config) -> _Mark | None:
    names = config.names
    try:
        index, *numbers = map(float, words)
    except ValueError:
        return None
    if index not in names or not all(abs(number) < 1e6 for number in numbers):
        return None
    name = names[int(index)]
    if len(numbers) == 4 or (config.key_points and len(numbers) > 4):
        x, y, width, height = numbers[:4]
        left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        corners = ((left, top), (right, bottom))
        return _Mark(name, corners, True) if width >= 0 and height >= 0 else None
    if len(numbers) < 6 or len(numbers) % 2:
        return None
    return _Mark(name, tuple(zip(numbers[::2], numbers[1::2], strict=True)), False)


def _annotation(mark: _Mark, width: int, height: int, meaning: Meaning) -> Annotation:
    outline = tuple((x * width, y * height) for x, y in mark.corners)
    xs, ys = zip(*outline, strict=True)
    box = Box(min(xs), min(ys), max(xs), max(ys))
    return annotate(mark.name, meaning, box, () if mark.is_box else (outline,))


SOURCE = Source(
    name="yolo",
    title="YOLO: one text file an image, with boxes or polygons (Ultralytics, Darknet)",
    address="",
    licence=None,
    size="",
    layout="images/, labels/ (in folders of splits or by themselves) and data.yaml or classes.txt",
    read=read,
)
