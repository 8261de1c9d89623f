"""AUROC of grouped images with its interval, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NORMAL_975 = 1.959964


@dataclass(frozen=True, slots=True)
class Auroc:
    """An area under the receiver operating characteristic with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def auroc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """The area alone, for scores ``[n]`` of which both classes have some; ties count half."""
    return float(placements(scores, positive)[positive].mean())


def grouped_auroc(
    scores: NDArray[Any],
    positive: NDArray[np.bool_],
    groups: NDArray[np.integer],
    *,
    folds: int | None = None,
) -> Auroc:
    """The area, and its interval when images of one group resemble each other.

    The variance is that of Obuchowski 1997, Biometrics 53(2), 567-578, which needs no drawing; the
    interval is symmetric on the logit scale, so that it stays within 0..1. Scores from
    cross-validation vary with what their models were trained on, too; for them the variance is
    multiplied as Nadeau and Bengio 2003, Machine Learning 52, 239-281, propose.

    Args:
        scores: ``[n]``, higher for what is taken for positive.
        positive: ``[n]``, at least one of each class, in at least two groups each.
        groups: number of each image's group, ``[n]``.
        folds: of the cross-validation that the scores are from, if they are.
    """
    placed = placements(scores, positive)
    area = float(placed[positive].mean())
    centred = placed - area
    index = np.unique(groups, return_inverse=True)[1]
    ones, zeros = positive.sum(), (~positive).sum()
    count = int(index.max()) + 1
    of_ones = np.bincount(index, centred * positive, count)
    of_zeros = np.bincount(index, centred * ~positive, count)
    with_ones = np.count_nonzero(np.bincount(index, positive, count))
    with_zeros = np.count_nonzero(np.bincount(index, ~positive, count))
    variance = (
        with_ones / (with_ones - 1) * (of_ones**2).sum() / ones**2
        + with_zeros / (with_zeros - 1) * (of_zeros**2).sum() / zeros**2
        + 2 * count / (count - 1) * (of_ones * of_zeros).sum() / (ones * zeros)
    )
    if folds:
        variance *= 1 + folds / (folds - 1)
    inside = float(np.clip(area, 0.5 / ones / zeros, 1 - 0.5 / ones / zeros))
    logit = np.log(inside / (1 - inside))
    half = _NORMAL_975 * np.sqrt(max(variance, 0.0)) / (inside * (1 - inside))
    low, high = (float(1 / (1 + np.exp(-bound))) for bound in (logit - half, logit + half))
    return Auroc(area, min(low, area), max(high, area))


def placements(scores: NDArray[Any], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each image the share of the other class that it is ranked right against."""
    values, index = np.unique(scores, return_inverse=True)
    ones = np.bincount(index, positive, len(values))
    zeros = np.bincount(index, ~positive, len(values))
    below = (np.cumsum(zeros) - zeros + zeros / 2) / zeros.sum()
    above = (ones.sum() - np.cumsum(ones) + ones / 2) / ones.sum()
    return np.asarray(np.where(positive, below[index], above[index]), dtype=np.float64)
