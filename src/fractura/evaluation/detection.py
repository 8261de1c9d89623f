"""Which found boxes hit which true ones, and average precision of them, by COCO's rules.

Source: Lin et al. 2014, Microsoft COCO, arXiv:1405.0312; pycocotools' ``COCOeval``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Boxes

Floats = NDArray[np.float64]

RECALL_LEVELS = np.linspace(0, 1, 101)
OVERLAPS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""COCO's overlaps, as its code rounds them."""
LIMIT = 100
"""Found boxes of one image that count, as in COCO."""

_AT_ONCE = 4_000_000
"""Pairs of boxes that are held at once."""


@dataclass(frozen=True)
class Matches:
    """One image's detections after matching: scores ``[n]``, hit or not ``[n]``, true boxes."""

    scores: Floats
    hits: NDArray[np.bool_]
    truths: int


@dataclass(frozen=True, eq=False)
class Pairs:
    """Found and true boxes of one image that overlap.

    Attributes:
        found, truth: numbers of the boxes, ``[p]``.
        overlap: intersection over union in 0..1, ``[p]``.
    """

    found: NDArray[np.int64]
    truth: NDArray[np.int64]
    overlap: Floats


@dataclass(frozen=True, eq=False)
class Matching:
    """Found boxes of many images after matching to true ones.

    Attributes:
        overlaps: the least intersection over union that counts, ``[t]``.
        case: of each found box, ``[m]``.
        scores: ``[m]``.
        counted: found boxes that are false where they hit nothing, ``[m]``; the others are then
            left out, as COCO does with boxes outside the range of sizes that is measured.
        near: numbers of the found boxes that overlap a true one, ``[k]``, rising.
        partners: number of the true box that each of ``near`` hits, ``[t, k]``; -1 for none.
        truth_case: of each true box, ``[g]``.
        truth_counted: ``[g]``; a found box that hits one of the others is left out.
        cases: how many images there are.
    """

    overlaps: tuple[float, ...]
    case: NDArray[np.int64]
    scores: Floats
    counted: NDArray[np.bool_]
    near: NDArray[np.int64]
    partners: NDArray[np.int64]
    truth_case: NDArray[np.int64]
    truth_counted: NDArray[np.bool_]
    cases: int


def intersection_over_union(
    boxes: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.float64]:
    """``[n, m]`` overlaps of boxes ``[n, 4]`` and ``[m, 4]`` (x_min, y_min, x_max, y_max)."""
    return _overlap(boxes[:, None].astype(np.float64), others[None].astype(np.float64))


def best_of_each_case(found: Boxes, limit: int = LIMIT) -> Boxes:
    """The ``limit`` boxes of highest score in each case."""
    first = np.searchsorted(found.case, found.case, side="left")
    kept = np.flatnonzero(np.arange(len(found)) - first < limit)
    if len(kept) == len(found):
        return found
    outlines = None if found.outlines is None else tuple(found.outlines[at] for at in kept)
    return replace(
        found,
        case=found.case[kept],
        corners=found.corners[kept],
        scores=found.scores[kept],
        outlines=outlines,
    )


def pairs_of(found: Boxes, truths: Boxes, least: float = OVERLAPS[0]) -> Pairs:
    """Found and true boxes of one case that overlap by at least ``least``, which is above 0."""
    parts = []
    for one, other in _same_case(found.case, truths.case):
        overlap = _overlap(found.corners[one], truths.corners[other])
        near = overlap >= least
        parts.append(Pairs(one[near], other[near], overlap[near]))
    return Pairs(
        np.concatenate([part.found for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.overlap for part in parts]),
    )


def match_pairs(
    found: Boxes,
    truths: Boxes,
    pairs: Pairs,
    cases: int,
    overlaps: Sequence[float] = OVERLAPS,
    *,
    counted: NDArray[np.bool_] | None = None,
    truth_counted: NDArray[np.bool_] | None = None,
) -> Matching:
    """Match found boxes to true ones as COCO does.

    In order of falling score, each found box takes the free true box that it overlaps most, if
    by at least the overlap asked for; true boxes that do not count only if no other is there.
    Of true boxes that are overlapped alike, the last is taken.

    Args:
        found: falling in score within a case, no more of a case than are to count.
        truths: true boxes.
        pairs: of them, down to the least of ``overlaps``.
        cases: how many images there are.
        overlaps: the least intersection over union that counts.
        counted, truth_counted: see :class:`Matching`; everything counts if left out.
    """
    counted = np.ones(len(found), dtype=bool) if counted is None else counted
    truth_counted = np.ones(len(truths), dtype=bool) if truth_counted is None else truth_counted
    order = np.lexsort((-pairs.truth, -pairs.overlap, ~truth_counted[pairs.truth], pairs.found))
    truth, overlap = pairs.truth[order], pairs.overlap[order]
    near, column = np.unique(pairs.found[order], return_inverse=True)
    near_case = found.case[near]
    turn = (np.arange(len(near)) - np.searchsorted(near_case, near_case, side="left"))[column]
    turns = [np.flatnonzero(turn == number) for number in range(turn.max(initial=-1) + 1)]
    partners = np.full((len(overlaps), len(near)), -1)
    for row, least in enumerate(overlaps):
        taken = np.zeros(len(truths), dtype=bool)
        for at in turns:
            free = at[(overlap[at] >= least) & ~taken[truth[at]]]
            free = free[np.diff(column[free], prepend=-1) > 0]
            partners[row, column[free]] = truth[free]
            taken[truth[free]] = True
    return Matching(
        overlaps=tuple(overlaps),
        case=found.case,
        scores=found.scores,
        counted=counted,
        near=near,
        partners=partners,
        truth_case=truths.case,
        truth_counted=truth_counted,
        cases=cases,
    )


def match(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    truths: NDArray[np.floating],
    threshold: float = 0.5,
    limit: int = LIMIT,
) -> Matches:
    """Match one image's detections to its true boxes; see :func:`match_pairs`.

    Only the ``limit`` best detections count.
    """
    order = np.argsort(-scores, kind="stable")[:limit]
    found = _in_one_case(boxes[order], scores[order].astype(np.float64))
    true = _in_one_case(truths, np.ones(len(truths)))
    matching = match_pairs(found, true, pairs_of(found, true, threshold), 1, (threshold,))
    hits = np.zeros(len(order), dtype=bool)
    hits[matching.near] = matching.partners[0] >= 0
    return Matches(found.scores, hits, len(truths))


def average_precision(
    scores: NDArray[np.float64],
    hits: NDArray[np.bool_],
    truths: float,
    weights: NDArray[np.float64] | None = None,
) -> float:
    """COCO's 101-point interpolated average precision; ``nan`` without true boxes.

    ``weights`` repeats detections, as a bootstrap sample does.
    """
    if truths == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    weights = np.ones(len(scores)) if weights is None else weights
    true_positives = np.cumsum(weights[order] * hits[order])
    found = np.cumsum(weights[order])
    precision = true_positives / np.maximum(found, 1e-12)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    index = np.searchsorted(true_positives / truths, RECALL_LEVELS, side="left")
    return float(np.append(precision, 0.0)[np.minimum(index, len(precision))].mean())


def pooled_average_precision(
    matches: list[Matches], counts: NDArray[np.integer] | None = None
) -> float:
    """Average precision over images, each counted ``counts`` times (once if left out)."""
    repeats = np.ones(len(matches), dtype=int) if counts is None else counts
    scores = np.concatenate([item.scores for item in matches])
    hits = np.concatenate([item.hits for item in matches])
    weights = np.repeat(repeats, [len(item.scores) for item in matches]).astype(np.float64)
    truths = float(sum(item.truths * n for item, n in zip(matches, repeats, strict=True)))
    return average_precision(scores, hits, truths, weights)


def _overlap(boxes: Floats, others: Floats) -> Floats:
    sides = np.clip(
        np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2]),
        0,
        None,
    )
    intersection = sides.prod(-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(-1), (others[..., 2:] - others[..., :2]).prod(-1)
    return np.asarray(intersection / np.maximum(areas[0] + areas[1] - intersection, 1e-12))


def _same_case(
    case: NDArray[np.int64], truth_case: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Numbers of every found and true box of one case, ``[p]`` each, a part at a time."""
    start = np.searchsorted(truth_case, case, side="left")
    count = np.searchsorted(truth_case, case, side="right") - start
    found = np.flatnonzero(count)
    start, count = start[found], count[found]
    ends = np.cumsum(count)
    if not len(ends):
        yield np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        return
    cuts = [*np.searchsorted(ends, np.arange(0, ends[-1], _AT_ONCE)), len(ends)]
    for low, high in pairwise(cuts):
        some = count[low:high]
        index = np.repeat(start[low:high] - (np.cumsum(some) - some), some)
        yield np.repeat(found[low:high], some), index + np.arange(len(index))


def _in_one_case(corners: NDArray[np.floating], scores: Floats) -> Boxes:
    case = np.zeros(len(scores), dtype=np.int64)
    return Boxes(case, corners.reshape(-1, 4).astype(np.float64), scores)
