"""What people marked, as a manifest to train on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fractura.datasets.record import FRACTURE, Annotation, Label, Record
from fractura.findings import Box, Decision, Reading

if TYPE_CHECKING:
    from fractura.service.store.marks import Mark
    from fractura.service.store.queue import QueueEntry

SOURCE = "service"
_ROUNDING = 0.01
"""Boxes in stored readings are rounded to this, in pixels."""
_SAYS: Mapping[Decision, bool | None] = {
    "fracture": True,
    "no fracture": False,
    "uncertain": None,
    "not evaluated": None,
}
_LABELS: Mapping[bool | None, Label] = {True: "fracture", False: "no fracture", None: "unknown"}


def marks_manifest(marked: Iterable[tuple[QueueEntry, Sequence[Mark]]]) -> Iterator[str]:
    """One line of JSON a marked image, as :func:`fractura.datasets.storage.read_manifest` reads.

    Of several readings of one image, by several models, the one that was marked last counts. Left
    out are single frames of files with several, which a manifest cannot name, and what has no
    mark. Lines are in the order of the images' SHA-256 and end in a line feed.

    ``path`` is ``images/ab/abcd…`` by the image's SHA-256: where the service keeps it, below its
    data folder, as long as it keeps it.
    """
    latest: dict[str, tuple[datetime, QueueEntry, Sequence[Mark]]] = {}
    for entry, marks in marked:
        if not marks or entry.result is None or entry.frame is not None:
            continue
        at = max(mark.created_at for mark in marks)
        if entry.sha256 not in latest or latest[entry.sha256][0] <= at:
            latest[entry.sha256] = (at, entry, marks)
    for sha256 in sorted(latest):
        _, entry, marks = latest[sha256]
        row = corrected(Reading.from_dict(entry.result or {}), marks).as_dict()
        row["path"] = Path(row["path"]).as_posix()
        yield json.dumps(row, ensure_ascii=False) + "\n"


def corrected(reading: Reading, marks: Sequence[Mark]) -> Record:
    """A reading as ground truth, after the marks of people.

    ``agree`` and ``disagree`` without a box speak of the whole reading, and the last of them
    counts: ``agree`` keeps the decision and the boxes, ``disagree`` turns the decision and drops
    the boxes. With the box of a finding they keep or drop that one, and to keep one says that
    there is a fracture. ``missed`` says that there is a fracture, and adds the box if one was
    drawn.

    An uncertain reading and one that was not evaluated say nothing by themselves, and neither
    does one all of whose boxes were dropped one by one: the label is ``unknown`` unless another
    mark tells. Of these readings, only boxes count that people agreed with. ``annotations`` is
    None where the label is not ``no fracture`` and there is no box: nobody has said where.
    """
    marks = sorted(marks, key=lambda mark: mark.created_at)
    whole = [mark.kind for mark in marks if mark.box is None and mark.kind != "missed"]
    fractured = _SAYS[reading.decision]
    if fractured is not None and whole[-1:] == ["disagree"]:
        fractured, boxes = not fractured, []
    else:
        boxes = [finding.box for finding in reading.findings if fractured]
    for mark in marks:
        if mark.box is None or mark.kind == "missed":
            continue
        boxes = [box for box in boxes if not _is_same(box, mark.box)]
        if mark.kind == "agree":
            boxes.append(mark.box)
            fractured = True
        elif fractured and not boxes and not whole:
            fractured = None
    missed = [mark for mark in marks if mark.kind == "missed"]
    boxes += [mark.box for mark in missed if mark.box is not None]
    label = _LABELS[True if missed else fractured]
    nowhere = not boxes and label != "no fracture"
    return Record(
        id=f"{SOURCE}/{reading.sha256}",
        path=Path("images", reading.sha256[:2], reading.sha256),
        source=SOURCE,
        label=label,
        sha256=reading.sha256,
        annotations=None if nowhere else tuple(Annotation(FRACTURE, box) for box in boxes),
        width=reading.width,
        height=reading.height,
        notes=tuple(_note(mark) for mark in marks),
        extra={
            "model": reading.model,
            "model_decision": reading.decision,
            "model_probability": str(reading.probability),
        },
    )


def _is_same(one: Box, other: Box) -> bool:
    pairs = zip(one.as_list(), other.as_list(), strict=True)
    return all(abs(first - second) <= _ROUNDING for first, second in pairs)


def _note(mark: Mark) -> str:
    return f"{mark.who}: {mark.kind}" + (f", {mark.note}" if mark.note else "")
