"""Figures of how well scores rank cases, for many bootstrap samples at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Ranking:
    """Cases in order of their scores; equal scores are one place.

    Args:
        scores: ``[n]``, higher for what is taken for positive.
        positive: ``[n]``.
    """

    def __init__(self, scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> None:
        self._order = np.argsort(scores, kind="stable")
        ranked = scores[self._order]
        self._ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        self._positive = positive[self._order]

    def measure(self, counts: Floats) -> tuple[Floats, Floats]:
        """Area under the receiver operating characteristic, and average precision.

        Ties count half in the area. Average precision is the sum over thresholds of precision
        times the gain in sensitivity, without interpolation, as in scikit-learn.

        Args:
            counts: how often each case counts in each sample, ``[s, n]``.

        Returns:
            Two arrays ``[s]``; ``nan`` where only one class counts.
        """
        ordered = counts[:, self._order]
        both = np.cumsum(ordered, axis=1)[:, self._ends]
        positive = np.cumsum(ordered * self._positive, axis=1)[:, self._ends]
        negative = both - positive
        gained = np.diff(positive, axis=1, prepend=0)
        lost = np.diff(negative, axis=1, prepend=0)
        positives, negatives = positive[:, -1], negative[:, -1]
        area = (gained * (negative - lost / 2)).sum(axis=1)
        called = both[:, -1:] - both + gained + lost
        right = positives[:, None] - positive + gained
        precision = right / np.maximum(called, 1e-12)
        with np.errstate(invalid="ignore", divide="ignore"):
            auroc = area / (positives * negatives)
            average_precision = (gained * precision).sum(axis=1) / positives
        average_precision[negatives == 0] = np.nan
        return auroc, average_precision


def roc_curve(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Corners of the receiver operating characteristic: 1 - specificity and sensitivity.

    Args:
        scores: ``[n]``, higher for what is taken for positive.
        positive: ``[n]``, at least one of each class.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    right = np.cumsum(positive[order])[ends]
    wrong = ends + 1 - right
    return np.append(0, wrong / wrong[-1]), np.append(0, right / right[-1])
