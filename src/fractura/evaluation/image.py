"""Figures of image probabilities; every image may count several times, as in a bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.integer]
Labels = NDArray[np.bool_]
Scores = NDArray[np.float64]


def auroc(scores: Scores, positive: Labels, counts: Counts) -> float:
    """Area under the receiver operating characteristic; ties count half; ``nan`` if one class."""
    values, index = np.unique(scores, return_inverse=True)
    ones = np.bincount(index, counts * positive, len(values))
    zeros = np.bincount(index, counts * ~positive, len(values))
    if ones.sum() == 0 or zeros.sum() == 0:
        return float("nan")
    below = np.cumsum(zeros) - zeros
    return float((ones * (below + zeros / 2)).sum() / (ones.sum() * zeros.sum()))


def sensitivity(called: Labels, positive: Labels, counts: Counts) -> float:
    """Share of the positive images that are called positive; ``nan`` without any."""
    total = float((counts * positive).sum())
    return float((counts * (positive & called)).sum()) / total if total else float("nan")


def specificity(called: Labels, positive: Labels, counts: Counts) -> float:
    """Share of the negative images that are not called positive; ``nan`` without any."""
    return sensitivity(~called, ~positive, counts)


def calibration_error(scores: Scores, positive: Labels, counts: Counts, bins: int = 10) -> float:
    """Expected calibration error over equally wide bins (Guo et al. 2017, arXiv 1706.04599)."""
    index = np.minimum((scores * bins).astype(int), bins - 1)
    observed = np.bincount(index, counts * positive, bins)
    expected = np.bincount(index, counts * scores, bins)
    return float(np.abs(observed - expected).sum() / counts.sum())


def brier(scores: Scores, positive: Labels, counts: Counts) -> float:
    """Mean squared difference between probability and label (Brier 1950)."""
    return float((counts * (scores - positive) ** 2).sum() / counts.sum())
