"""Whether two models differ on the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.auroc import placements

_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True)
class Difference:
    """A difference of two figures, its 95 % interval and its two-sided p value."""

    value: float
    low: float
    high: float
    p: float


def delong(
    scores: NDArray[np.floating],
    others: NDArray[np.floating],
    positive: NDArray[np.bool_],
    clusters: NDArray[Any] | None = None,
) -> Difference:
    """Difference of two AUROCs on the same cases, the first minus the second.

    Args:
        scores, others: of the two models, ``[n]``.
        positive: ``[n]``; fewer than two of either class give ``nan``.
        clusters: of the cases, ``[n]``; cases of one cluster may resemble each other. Left out,
            each case is one.

    Returns:
        ``p`` is 1 where the models rank every case alike, and 0 where they differ without any
        variance.

    Sources: DeLong et al. 1988, Biometrics 44(3), 837-845, in the fast form of Sun and Xu 2014,
    IEEE Signal Process. Lett. 21(11), 1389-1393; for clusters Obuchowski 1997, Biometrics 53(2),
    567-578, which equals it where each case is a cluster.
    """
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if min(ones, zeros) < 2:
        return Difference(math.nan, math.nan, math.nan, math.nan)
    apart = placements(scores, positive) - placements(others, positive)
    value = float(apart[positive].mean())
    index = np.arange(len(scores))
    if clusters is not None:
        index = np.unique(clusters, return_inverse=True)[1]
    centred = apart - value
    count = int(index.max()) + 1
    of_ones = np.bincount(index, centred * positive, count) / ones
    of_zeros = np.bincount(index, centred * ~positive, count) / zeros
    with_ones = np.count_nonzero(np.bincount(index, positive, count))
    with_zeros = np.count_nonzero(np.bincount(index, ~positive, count))
    if min(with_ones, with_zeros) < 2:
        return Difference(value, math.nan, math.nan, math.nan)
    variance = (
        with_ones / (with_ones - 1) * float((of_ones**2).sum())
        + with_zeros / (with_zeros - 1) * float((of_zeros**2).sum())
        + 2 * count / (count - 1) * float((of_ones * of_zeros).sum())
    )
    error = math.sqrt(max(variance, 0.0))
    half = _NORMAL_975 * error
    return Difference(value, value - half, value + half, _p_value(value, error))


def mcnemar(right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> float:
    """Exact two-sided p value that two models are right equally often; cases are independent.

    Args:
        right, other_right: whether each model called each case right, ``[n]``.

    Source: McNemar 1947, Psychometrika 12(2), 153-157; the exact binomial form.
    """
    from scipy.stats import binomtest

    only_first = int((right & ~other_right).sum())
    only_second = int((~right & other_right).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def _p_value(value: float, error: float) -> float:
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return math.erfc(abs(value) / error / math.sqrt(2))
