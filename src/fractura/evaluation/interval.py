"""Intervals by bootstrap over clusters of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def cluster_bootstrap(
    statistic: Callable[[NDArray[np.int64]], float],
    clusters: NDArray[np.integer],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Percentile interval of a statistic when whole clusters are drawn with replacement.

    Args:
        statistic: takes how often each image counts, ``[n]``; ``nan`` where undefined.
        clusters: cluster of each image, ``[n]``; images of one patient share one.
        samples: bootstrap samples; those in which the statistic is undefined are left out.
        seed: of the drawing.

    Source: Field and Welsh 2007, J. R. Statist. Soc. B 69(3), the cluster bootstrap.
    """
    names, index = np.unique(clusters, return_inverse=True)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(samples):
        drawn = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        values.append(statistic(drawn[index]))
    low, high = np.nanquantile(values, [0.025, 0.975])
    return Estimate(statistic(np.ones(len(index), dtype=np.int64)), float(low), float(high))
