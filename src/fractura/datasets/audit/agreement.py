"""How well the marks of copies agree: what is said of one picture when it is seen again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.duplicates import DuplicatePair
from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.grouping import plural
from fractura.datasets.audit.result import AuditProblem, Check
from fractura.datasets.record import Record
from fractura.findings import Box

OVERLAPS = (0.3, 0.5, 0.7)
"""Intersections over union from which two boxes may count as one mark."""
SAME = 0.5
"""The one below which a person should look."""
_DRAWS = 2_000


class _Comparison(NamedTuple):
    """The marks of two copies: the overlaps of those that belong together, and how many there are.

    Attributes:
        pair: positions of the records.
        overlaps: above 0, one for each two boxes that were taken for one, the largest first.
        marks: how many boxes both copies have together.
    """

    pair: tuple[int, int]
    overlaps: tuple[float, ...]
    marks: int

    def agreeing(self, overlap: float) -> int:
        """How many of the marks have a partner that they overlap so far."""
        return 2 * sum(value >= overlap for value in self.overlaps)


def check(
    records: Sequence[Record],
    found: Sequence[Examination],
    pairs: Sequence[DuplicatePair],
    groups: Sequence[Sequence[int]],
) -> Check:
    """Compare the fractures that are marked on both pictures of a pair.

    The agreement is 2 × (marks with a partner) / (marks of both), which is the F1 score of one
    marking if the other were the truth. Its 95 % interval comes from 2,000 bootstrap samples of
    the groups of copies.

    Args:
        records: of the manifest.
        found: their examinations.
        pairs: verified by pixels.
        groups: what the pairs connect, as positions of records.
    """
    compared = [
        _compare(pair, records, found)
        for pair in pairs
        if records[pair.first].fractures and records[pair.second].fractures
    ]
    overlaps = [value for item in compared for value in item.overlaps]
    agreement = _agreement(compared, groups) if compared else {}
    problems = [
        AuditProblem(
            "warning",
            f"two copies of one picture are marked differently: of {plural(item.marks, 'mark')}, "
            f"{item.agreeing(SAME)} overlap one of the other copy by half",
            (records[item.pair[0]].id, records[item.pair[1]].id),
            {"overlaps": [round(value, 3) for value in item.overlaps]},
        )
        for item in compared
        if item.agreeing(SAME) < item.marks
    ]
    summary = "no picture is marked twice"
    if compared:
        half = agreement[str(SAME)]
        summary = (
            f"{plural(len(compared), 'pair')} of copies marked twice: at an overlap of half they "
            f"agree to {half['value']:.0%} ({half['low']:.0%} to {half['high']:.0%}); "
            f"{len(problems):,} marked differently"
        )
    return Check(
        name="agreement",
        title="Marks of copies",
        explanation=(
            "Boxes of pictures that are in the data twice, laid upon each other. A detector can "
            "hardly be expected to agree with such marks more than they agree with themselves. "
            "Agreement is the F1 score of one marking against the other."
        ),
        summary=summary,
        problems=tuple(sorted(problems, key=lambda problem: problem.evidence["overlaps"])),
        figures={
            "pairs": len(compared),
            "marks": sum(item.marks for item in compared),
            "median_overlap": round(float(np.median(overlaps)), 3) if overlaps else None,
            "agreement": agreement,
        },
    )


def _compare(
    pair: DuplicatePair, records: Sequence[Record], found: Sequence[Examination]
) -> _Comparison:
    from scipy.optimize import linear_sum_assignment

    sizes = [(found[at].width, found[at].height) for at in (pair.first, pair.second)]
    ours, theirs = _boxes(records[pair.first]), _boxes(records[pair.second])
    onto = np.array([*pair.onto, (0, 0, 1)], dtype=np.float64)
    off = np.asarray(np.linalg.inv(onto), np.float64)
    laid = (_laid(box, onto, sizes[0], sizes[1]) for box in ours)
    seen = [box for box in laid if _shown(box, sizes[1])]
    kept = [box for box in theirs if _shown(_laid(box, off, sizes[1], sizes[0]), sizes[0])]
    table = np.array([[one.overlap(other) for other in kept] for one in seen])
    table = table.reshape(len(seen), len(kept))
    best = table[linear_sum_assignment(table, maximize=True)]
    overlaps = tuple(sorted(best[best > 0].tolist(), reverse=True))
    return _Comparison((pair.first, pair.second), overlaps, len(seen) + len(kept))


def _boxes(record: Record) -> list[Box]:
    """Those of its fractures whose corners are numbers; another check names the others."""
    boxes = (mark.box for mark in record.fractures)
    return [box for box in boxes if box.finite]


def _laid(
    box: Box, onto: NDArray[np.float64], size: tuple[int, int], other: tuple[int, int]
) -> Box:
    """The box around a box of one frame (width, height) that is laid upon the other."""
    x = np.array([box.x_min, box.x_max, box.x_min, box.x_max]) / size[0]
    y = np.array([box.y_min, box.y_min, box.y_max, box.y_max]) / size[1]
    across, down, _ = onto @ np.stack([x, y, np.ones(4)])
    across, down = across * other[0], down * other[1]
    return Box(float(across.min()), float(down.min()), float(across.max()), float(down.max()))


def _shown(box: Box, size: tuple[int, int]) -> bool:
    """Whether the middle of a box lies in the frame (width, height)."""
    return 0 <= box.x_min + box.x_max <= 2 * size[0] and 0 <= box.y_min + box.y_max <= 2 * size[1]


def _agreement(
    compared: Sequence[_Comparison], groups: Sequence[Sequence[int]]
) -> dict[str, dict[str, float]]:
    """For each overlap its value, and both ends of its 95 % interval."""
    home = {position: number for number, group in enumerate(groups) for position in group}
    names, index = np.unique([home[item.pair[0]] for item in compared], return_inverse=True)
    marks = np.bincount(index, [item.marks for item in compared])
    draws = np.random.default_rng(0).integers(0, len(names), (_DRAWS, len(names)))
    told = {}
    for overlap in OVERLAPS:
        agreeing = np.bincount(index, [item.agreeing(overlap) for item in compared])
        shares = agreeing[draws].sum(1) / np.maximum(marks[draws].sum(1), 1)
        low, high = np.percentile(shares, [2.5, 97.5])
        values = {"value": agreeing.sum() / max(marks.sum(), 1), "low": low, "high": high}
        told[str(overlap)] = {name: round(float(share), 3) for name, share in values.items()}
    return told
