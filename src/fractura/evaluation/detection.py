"""Average precision of boxes, fast enough to be bootstrapped over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECALL_LEVELS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Matches:
    """One image's detections after matching: scores ``[n]``, hit or not ``[n]``, true boxes."""

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    truths: int


def intersection_over_union(
    boxes: NDArray[np.floating], others: NDArray[np.floating]
) -> NDArray[np.float64]:
    """``[n, m]`` overlaps of boxes ``[n, 4]`` and ``[m, 4]`` (x_min, y_min, x_max, y_max)."""
    a, b = boxes[:, None].astype(np.float64), others[None].astype(np.float64)
    sides = np.clip(
        np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None
    )
    intersection = sides.prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-12))


def match(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    truths: NDArray[np.floating],
    threshold: float = 0.5,
    limit: int = 100,
) -> Matches:
    """Match one image's detections to its true boxes as COCO does.

    In order of falling score, each detection takes the free true box that it overlaps most, if
    by at least ``threshold``. Only the ``limit`` best detections count.
    """
    order = np.argsort(-scores, kind="stable")[:limit]
    overlaps = intersection_over_union(boxes[order].reshape(-1, 4), truths.reshape(-1, 4))
    hits = np.zeros(len(order), dtype=bool)
    for row in range(len(order)):
        if overlaps.shape[1] == 0:
            break
        best = int(overlaps[row].argmax())
        if overlaps[row, best] >= threshold:
            hits[row] = True
            overlaps[:, best] = -1
    return Matches(scores[order].astype(np.float64), hits, len(truths))


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
