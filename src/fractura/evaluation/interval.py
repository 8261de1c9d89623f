"""Intervals by bootstrap over clusters of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


_CELLS = 2_000_000
"""Counts that are held at once."""


@dataclass(frozen=True)
class Figure(Estimate):
    """A figure with its 95 % interval and the number of cases it rests on."""

    n: int


class FigureValue(TypedDict):
    """A figure as a scorecard holds it; what is undefined is ``None``."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def bootstrap_counts(
    clusters: NDArray[Any], *, samples: int = 2000, seed: int = 0
) -> Iterator[NDArray[np.float64]]:
    """How often each image counts in bootstrap samples of whole clusters.

    Args:
        clusters: cluster of each image, ``[n]``.
        samples: of them all.
        seed: of the drawing.

    Yields:
        ``[s, n]``, a part of the samples at a time.
    """
    names, index = np.unique(clusters, return_inverse=True)
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS // len(index))
    for start in range(0, samples, at_once):
        size = min(at_once, samples - start)
        drawn = random.integers(len(names), size=(size, len(names)))
        drawn += np.arange(size)[:, None] * len(names)
        counts = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield counts[:, index].astype(np.float64)


def bootstrap_all(
    statistics: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]],
    clusters: NDArray[Any],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Percentile intervals of many statistics on the same bootstrap samples of whole clusters.

    Args:
        statistics: takes how often each image counts in each sample, ``[s, n]``, and gives each
            statistic as ``[s]``; ``nan`` where undefined.
        clusters: cluster of each image, ``[n]``. With fewer than two, intervals are ``nan``.
        samples: bootstrap samples; those in which a statistic is undefined are left out of it.
        seed: of the drawing.

    Source: Field and Welsh 2007, J. R. Statist. Soc. B 69(3), 369-390, the cluster bootstrap.
    """
    values = statistics(np.ones((1, len(clusters))))
    if len(np.unique(clusters)) < 2:
        return {name: Estimate(float(value[0]), np.nan, np.nan) for name, value in values.items()}
    parts = [
        statistics(counts) for counts in bootstrap_counts(clusters, samples=samples, seed=seed)
    ]
    return {
        name: Estimate(float(value[0]), *_percentiles(np.concatenate([p[name] for p in parts])))
        for name, value in values.items()
    }


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    defined = values[~np.isnan(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


def estimate(
    statistics: Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]],
    clusters: NDArray[Any],
    samples: int,
    seed: int,
    rests: Mapping[str, int],
) -> dict[str, FigureValue]:
    """Figures for a scorecard; without any case all of them are undefined.

    Args:
        statistics: see :func:`bootstrap_all`.
        clusters: of the cases, ``[n]``.
        samples: of the bootstrap.
        seed: of the bootstrap.
        rests: the number of cases that each figure rests on.
    """
    if not len(clusters):
        return {name: json_figure(Figure(np.nan, np.nan, np.nan, 0)) for name in rests}
    found = bootstrap_all(statistics, clusters, samples=samples, seed=seed)
    return {
        name: json_figure(Figure(found[name].value, found[name].low, found[name].high, n))
        for name, n in rests.items()
    }


def json_figure(figure: Figure) -> FigureValue:
    """A figure for a scorecard; what is no finite number becomes ``None``."""
    value, low, high = (
        float(one) if np.isfinite(one) else None for one in (figure.value, figure.low, figure.high)
    )
    return {"value": value, "low": low, "high": high, "n": int(figure.n)}


def json_figures(figures: Mapping[str, Figure]) -> dict[str, FigureValue]:
    """Figures by name, for a scorecard; see :func:`json_figure`."""
    return {name: json_figure(figure) for name, figure in figures.items()}
