"""Which records a format can hold, and under which file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fractura.datasets.record import Annotation, Record, Split
from fractura.errors import FracturaError
from fractura.findings import Box
from fractura.imaging.files import SUFFIXES

CLIPPED = "marks reach beyond the image and were clipped to it"
OUTSIDE = "marks have no area inside the image and were left out"
_ROUNDING = 1e-3
"""Pixels by which a mark may reach beyond the image through rounding alone."""


@dataclass(frozen=True, slots=True)
class ConvertedImage:
    """A record to be written.

    Attributes:
        record: the record.
        split: the split that it is in.
        name: of its file, unlike all others even where case does not count or the suffix is cut.
        marks: its annotations, inside the image.
    """

    record: Record
    split: Split
    name: str
    marks: tuple[Annotation, ...]


@dataclass(frozen=True)
class Selection:
    """What is written.

    Attributes:
        items: in the order of the records.
        skipped: how many records are not, for each reason.
        changed: how many marks were, for each reason.
    """

    items: tuple[ConvertedImage, ...]
    skipped: Counter[str]
    changed: Counter[str]


def select(records: Sequence[Record], *, detection: bool) -> Selection:
    """Choose records in a split whose label is known.

    Formats for detection say of an image no more than what is marked in it. There, an image with
    nothing marked counts as one without a fracture, so those that would be misread are skipped:
    a fracture or abnormality that is not marked, and a mark that contradicts the label.

    Args:
        records: of a manifest that has been split.
        detection: whether the format holds marks.

    Raises:
        FracturaError: no record is in a split, or none is left.
    """
    if not any(record.split for record in records):
        raise FracturaError("no record is in a split; split first with fractura data split")
    skipped, changed = Counter[str](), Counter[str]()
    kept: list[tuple[Record, Split, tuple[Annotation, ...]]] = []
    for record in records:
        marks = _inside(record, changed) if detection else ()
        reason = _reason(record, marks, detection)
        if reason is not None:
            skipped[reason] += 1
        elif record.split is not None:
            kept.append((record, record.split, marks))
    if not kept:
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in skipped.items())
        raise FracturaError(f"there is nothing to convert: {reasons}")
    names = _names([record for record, _, _ in kept])
    items = (
        ConvertedImage(record, split, name, marks)
        for (record, split, marks), name in zip(kept, names, strict=True)
    )
    return Selection(tuple(items), skipped, changed)


def _reason(record: Record, marks: tuple[Annotation, ...], detection: bool) -> str | None:
    """Why a record is skipped."""
    if record.split is None:
        return "are in no split"
    if record.label == "unknown":
        return "have an unknown label"
    if not detection:
        return None
    if not record.width or not record.height:
        return "have no known size"
    marked = any(mark.label == "fracture" for mark in marks)
    if record.label == "fracture" and not marked:
        return "are labelled fracture, but none is marked"
    if record.label == "abnormal" and not marks:
        return "are labelled abnormal, but nothing is marked"
    if record.label != "fracture" and marked:
        return f"are labelled {record.label}, but a fracture is marked"
    return None


def _inside(record: Record, changed: Counter[str]) -> tuple[Annotation, ...]:
    """The annotations, clipped to the image."""
    if not record.width or not record.height:
        return ()
    width, height = record.width, record.height
    marks = []
    for mark in record.annotations or ():
        corners = ((mark.box.x_min, mark.box.y_min), (mark.box.x_max, mark.box.y_max))
        before = (corners, *mark.outlines)
        after = [
            tuple((min(max(x, 0.0), width), min(max(y, 0.0), height)) for x, y in outline)
            for outline in before
        ]
        (least, most), *outlines = after
        box = Box(*least, *most)
        if not (box.width > 0 and box.height > 0):
            changed[OUTSIDE] += 1
            continue
        changed[CLIPPED] += any(
            abs(x - u) > _ROUNDING or abs(y - v) > _ROUNDING
            for outline, clipped in zip(before, after, strict=True)
            for (x, y), (u, v) in zip(outline, clipped, strict=True)
        )
        marks.append(replace(mark, box=box, outlines=tuple(outlines)))
    return tuple(marks)


def cut_suffix(name: str) -> tuple[str, str]:
    """A file's name without and the suffix of an image that it ends in, or nothing."""
    path = Path(name)
    return (path.stem, path.suffix) if path.suffix.lower() in SUFFIXES else (name, "")


def _names(records: Sequence[Record]) -> list[str]:
    """The files' own names; where some clash, those of their ids with ``-`` for ``/``."""
    stems = Counter(cut_suffix(record.path.name)[0].casefold() for record in records)
    taken = {stem for stem, count in stems.items() if count == 1}
    names = []
    for record in records:
        stem, suffix = cut_suffix(record.path.name)
        if stems[stem.casefold()] > 1:
            whole = re.sub(r'[\\/:*?"<>|\s]+', "-", record.id.removesuffix(suffix))
            stem, number = whole, 1
            while stem.casefold() in taken:
                number += 1
                stem = f"{whole}-{number}"
            taken.add(stem.casefold())
        names.append(stem + suffix)
    return names
