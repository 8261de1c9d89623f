"""Boxes and outlines that cannot be right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.grouping import SEVERITIES, plural
from fractura.datasets.audit.result import AuditProblem, Check, Severity
from fractura.datasets.record import Annotation, Record

LARGE = 0.5
"""Share of its image above which a fracture's box is implausible."""

TOLERANCE = 1.0
"""Pixels by which a box may leave its image, and an outline its box, through rounding."""

_KINDS: dict[str, tuple[Severity, str]] = {
    "not finite": ("error", "have a corner that is no number"),
    "no area": ("error", "have no area"),
    "outside": ("error", "lie outside their image"),
    "partly outside": ("warning", "reach beyond their image"),
    "tiny": ("error", "are less than a pixel wide or high; are their corners fractions?"),
    "large": ("warning", f"cover more than {LARGE:.0%} of their image"),
    "outline": ("warning", "have an outline that leaves the box"),
}


def check(records: Sequence[Record], found: Sequence[Examination]) -> Check:
    """Boxes that are impossible or implausible, and marks that contradict the label."""
    faults: dict[str, list[tuple[Record, Annotation]]] = {kind: [] for kind in _KINDS}
    marked_sources = {record.source for record in records if record.annotations}
    on_normals, unmarked, marks = [], [], 0
    for record, examination in zip(records, found, strict=True):
        size = _size(record, examination)
        for mark in record.annotations or ():
            marks += 1
            kind = _fault(mark, size)
            if kind:
                faults[kind].append((record, mark))
        if record.fractures and record.fractured is False:
            on_normals.append(record)
        if (
            record.fractured
            and record.annotations is not None
            and not record.fractures
            and record.source in marked_sources
        ):
            unmarked.append(record)
    problems = [_problem(kind, group) for kind, group in faults.items() if group]
    if on_normals:
        labels = " or ".join(sorted({record.label for record in on_normals}))
        problems.append(
            AuditProblem(
                "error",
                f"{plural(len(on_normals), 'image')} labelled {labels} with a fracture marked",
                tuple(record.id for record in on_normals),
            )
        )
    if unmarked:
        problems.append(
            AuditProblem(
                "warning",
                f"{plural(len(unmarked), 'image')} labelled fracture without any fracture marked, "
                "in a source that marks them; training leaves them out of what teaches boxes",
                tuple(record.id for record in unmarked),
            )
        )
    wrong = sum(map(len, faults.values()))
    return Check(
        name="marks",
        title="Boxes and outlines",
        explanation=(
            "Boxes without area, outside or partly outside their image, or covering more than "
            f"{LARGE:.0%} of it, outlines outside their box, fractures marked on images that are "
            "labelled without one, and fractured images without a mark."
        ),
        summary=(
            f"{plural(marks, 'mark')}: {wrong:,} impossible or implausible; "
            f"{plural(len(on_normals), 'image')} marked though labelled without fracture, "
            f"{len(unmarked):,} fractured without mark"
        ),
        problems=tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity))),
        figures={
            "marks": marks,
            **{kind.replace(" ", "_"): len(group) for kind, group in faults.items()},
            "marked_without_fracture": len(on_normals),
            "fractured_without_mark": len(unmarked),
        },
    )


def _size(record: Record, examination: Examination) -> tuple[int, int] | None:
    if examination.readable:
        return examination.width, examination.height
    return (record.width, record.height) if record.width and record.height else None


def _fault(mark: Annotation, size: tuple[int, int] | None) -> str | None:
    """The worst thing wrong with a mark in an image of ``(width, height)``."""
    box = mark.box
    if not box.finite:
        return "not finite"
    if box.width <= 0 or box.height <= 0:
        return "no area"
    if box.width < 1 or box.height < 1:
        return "tiny"
    if size:
        width, height = size
        if box.x_min >= width or box.y_min >= height or box.x_max <= 0 or box.y_max <= 0:
            return "outside"
        beyond = max(-box.x_min, -box.y_min, box.x_max - width, box.y_max - height)
        if beyond > TOLERANCE:
            return "partly outside"
        if box.width * box.height > LARGE * width * height:
            return "large"
    corners = [corner for outline in mark.outlines for corner in outline]
    return "outline" if any(_beyond(mark, x, y) for x, y in corners) else None


def _beyond(mark: Annotation, x: float, y: float) -> bool:
    box = mark.box
    inside = (
        box.x_min - TOLERANCE <= x <= box.x_max + TOLERANCE
        and box.y_min - TOLERANCE <= y <= box.y_max + TOLERANCE
    )
    return not inside


def _problem(kind: str, group: Sequence[tuple[Record, Annotation]]) -> AuditProblem:
    severity, words = _KINDS[kind]
    boxes: dict[str, list[list[float | None]]] = {}
    for record, mark in group:
        corners = [value if math.isfinite(value) else None for value in mark.box.as_list()]
        boxes.setdefault(record.id, []).append(corners)
    return AuditProblem(
        severity, f"{plural(len(group), 'mark')} {words}", tuple(boxes), {"boxes": boxes}
    )
