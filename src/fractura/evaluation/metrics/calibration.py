"""Whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Cases
from fractura.evaluation.interval import Estimate, Figure, bootstrap_all, json_figure

Floats = NDArray[np.float64]

BINS = 10
SMALLEST = 1e-6
"""Probabilities are taken as at least this, and at most 1 minus it, where log-odds are needed."""

_NORMAL_975 = 1.959963984540054
_PUSHED_UP = {"calibration_error": 2, "calibration_error_equal_mass": 2, "reliability": 1}
_ROUNDS = 50
_SURE = 1e-7
_LEAST_INFORMATION = 1e-6
"""Cases that are still in doubt; with fewer the log-odds separate the classes."""
_LONGEST_STEP = 3.0
"""In log-odds: further away the likelihood looks different."""


def calibration(cases: Cases, *, samples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Calibration figures, each with n and a 95 % interval, and the bins of a reliability diagram.

    - ``calibration_error``: mean gap between probability and share of positives in ten equally
      wide bins, weighted by their cases (Naeini et al. 2015, AAAI; Guo et al. 2017, arXiv
      1706.04599). ``calibration_error_equal_mass``: the same in ten bins of about as many cases
      each; equal probabilities stay in one bin.
    - ``brier``: mean squared error of the probability (Brier 1950). ``reliability``,
      ``resolution``, ``uncertainty``: Murphy 1973, J. Appl. Meteorol. 12(4), 595-600, over the
      equally wide bins; reliability - resolution + uncertainty is the Brier score of
      probabilities replaced by the mean of their bin. ``within_bins`` is what that leaves out of
      ``brier``: the spread inside the bins (Stephenson et al. 2008, Weather Forecast. 23(4),
      752-757).
    - ``intercept``: calibration in the large, the a of log-odds(positive) = a + log-odds(p), ideal
      0, above 0 where probabilities are too low. ``slope``: the b of log-odds(positive) =
      a + b log-odds(p), ideal 1, below 1 where probabilities are too extreme (Cox 1958,
      Biometrika 45(3/4), 562-565; Van Calster et al. 2016, J. Clin. Epidemiol. 74, 167-176).

    Bins are those of the cases as they are, also in bootstrap samples. ``calibration_error``,
    ``calibration_error_equal_mass`` and ``reliability`` have the interval of :func:`basic`.

    Args:
        cases: at least one.
        samples: bootstrap samples of whole clusters.
        seed: of the bootstrap.

    Returns:
        ``figures``; ``bins`` with ``low``, ``high``, ``n``, ``mean`` probability, ``share`` of
        positives and its 95 % interval ``share_low``, ``share_high`` (Wilson 1927, with n reduced
        to what clusters leave of it); empty bins are left out; ``notes``.
    """
    probability, positive = cases.probability, cases.positive
    logits = log_odds(probability)
    wide = equally_wide(probability)
    bins = _one_hot(wide, BINS)
    sums = np.hstack([bins, bins * probability[:, None], bins * positive[:, None]])
    masses = gaps(equal_mass(probability), probability, positive)
    squares = (probability - positive) ** 2
    start = (
        cox(logits, positive, np.ones((1, len(cases))), slope=False),
        cox(logits, positive, np.ones((1, len(cases)))),
    )

    def measure(counts: Floats) -> Mapping[str, Floats]:
        total = counts.sum(1)
        parts = (counts @ sums).reshape(-1, 3, BINS)
        figures = decomposed(parts)
        binned = figures["reliability"] - figures["resolution"] + figures["uncertainty"]
        brier = counts @ squares / total
        return {
            "calibration_error": np.abs(parts[:, 1] - parts[:, 2]).sum(1) / total,
            "calibration_error_equal_mass": np.abs(counts @ masses).sum(1) / total,
            "brier": brier,
            **figures,
            "within_bins": brier - binned,
            "intercept": cox(logits, positive, counts, slope=False, start=start[0])[:, 0],
            "slope": cox(logits, positive, counts, start=start[1])[:, 1],
        }

    estimates = bootstrap_all(measure, cases.clusters, samples=samples, seed=seed)
    figures = {
        name: basic(one, _PUSHED_UP[name]) if name in _PUSHED_UP else one
        for name, one in estimates.items()
    }
    return {
        "figures": {
            name: json_figure(Figure(one.value, one.low, one.high, len(cases)))
            for name, one in figures.items()
        },
        "bins": _reliability_bins(cases, wide),
        "notes": _notes(cases, {name: one.value for name, one in estimates.items()}),
    }


def basic(percentile: Estimate, power: int = 2) -> Estimate:
    """The basic bootstrap interval of a figure that chance pushes up, from its percentile one.

    An error of bins is 0 at best, so that chance adds to it, and drawing anew from the cases adds
    as much again: percentile intervals lie too high, often above the figure itself. Turned round
    the figure they lose twice that excess. They stop at 0 and hold the figure.

    Args:
        percentile: the figure with its percentile interval.
        power: chance adds to this power of the figure: 2 for mean absolute gaps, whose squares
            grow by the variance of chance; 1 for what is a square already.

    Source: Davison and Hinkley 1997, Bootstrap Methods and their Application, section 5.2.
    """
    value, low, high = (one**power for one in (percentile.value, percentile.low, percentile.high))
    turned = np.maximum([0.0, value], [2 * value - high, 2 * value - low]) ** (1 / power)
    return Estimate(percentile.value, float(turned[0]), float(turned[1]))


def log_odds(probability: Floats) -> Floats:
    """Log-odds ``[n]`` of probabilities ``[n]`` in 0..1; see :data:`SMALLEST`."""
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def logistic(logits: Floats) -> Floats:
    """Probabilities of log-odds, of any shape."""
    return np.asarray(0.5 * (1 + np.tanh(logits / 2)))


def equally_wide(probability: Floats) -> NDArray[np.int64]:
    """The number of the equally wide bin of each probability, ``[n]``; 1 falls in the last."""
    return np.minimum((probability * BINS).astype(np.int64), BINS - 1)


def equal_mass(probability: Floats) -> NDArray[np.int64]:
    """The number of the bin of each probability, ``[n]``, in bins of about as many cases each."""
    edges = np.quantile(probability, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, probability, side="right").astype(np.int64)


def gaps(bins: NDArray[np.int64], probability: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Label minus probability in the column of each case's bin, ``[n, bins]``.

    The calibration error of bootstrap samples ``[s, n]`` is
    ``abs(counts @ gaps).sum(1) / counts.sum(1)``.
    """
    return _one_hot(bins, BINS) * (positive - probability)[:, None]


def decomposed(parts: Floats) -> dict[str, Floats]:
    """Murphy's three parts of the Brier score, ``[s]`` each.

    Args:
        parts: ``[s, 3, bins]``: cases, sum of probabilities and positives of each bin.
    """
    n, forecast, observed = parts[:, 0], parts[:, 1], parts[:, 2]
    total = n.sum(1)
    filled = np.maximum(n, 1e-300)
    base = (observed.sum(1) / total)[:, None]
    return {
        "reliability": ((forecast - observed) ** 2 / filled).sum(1) / total,
        "resolution": (n * (observed / filled - base) ** 2).sum(1) / total,
        "uncertainty": (base * (1 - base))[:, 0],
    }


def cox(
    logits: Floats,
    target: NDArray[np.generic],
    counts: Floats,
    *,
    slope: bool = True,
    start: Floats | None = None,
) -> Floats:
    """Logistic regression of the labels on log-odds, by Newton's method on all samples at once.

    Args:
        logits: ``[n]``.
        target: labels ``[n]``, or shares in 0..1.
        counts: how often each case counts in each sample, ``[s, n]``.
        slope: fit one; else it stays 1.
        start: intercept and slope to begin at, ``[1, 2]``, if they are near the answer; where they
            are ``nan``, or left out, 0 and 0, or 0 and 1 without a slope to fit.

    Returns:
        Intercept and slope ``[s, 2]``; ``nan`` where the likelihood has no maximum: one class
        only, equal log-odds, or log-odds that separate the classes.
    """
    begin = np.array([[0.0, 0.0 if slope else 1.0]])
    if start is not None and not np.isnan(start).any():
        begin = start
    furthest = float(np.abs(logits).max())
    found = np.repeat(begin, len(counts), axis=0)
    columns = np.stack([np.ones_like(logits), logits, logits**2], axis=1)
    wanted = counts @ (columns[:, :2] * np.asarray(target, np.float64)[:, None])
    open_ = np.flatnonzero((wanted[:, 0] > 0) & (wanted[:, 0] < counts.sum(1)))
    one_class = np.setdiff1d(np.arange(len(counts)), open_)
    for _ in range(_ROUNDS):
        if not len(open_):
            break
        now, weights = found[open_], counts[open_]
        fitted = logistic(now[:, :1] + now[:, 1:] * logits)
        score = wanted[open_] - (weights * fitted) @ columns[:, :2]
        information = (weights * fitted * (1 - fitted)) @ columns
        step = _newton(score, information, slope)
        reach = np.abs(step) @ [1.0, furthest]
        step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(reach, _LONGEST_STEP))[:, None]
        found[open_] += step
        moving = ~(np.abs(step).max(1) < _SURE)
        open_ = open_[moving & np.isfinite(step).all(1)]
    found[np.append(open_, one_class)] = np.nan
    return found


def _newton(score: Floats, information: Floats, slope: bool) -> Floats:
    """Newton's step ``[s, 2]``; ``nan`` where the information tells no slope."""
    ones, logits, squares = information.T
    with np.errstate(invalid="ignore", divide="ignore"):
        if not slope:
            step = score[:, 0] / np.maximum(ones, 1e-9)
            return np.stack([step, np.zeros_like(step)], axis=1)
        determinant = ones * squares - logits**2
        told = (ones > _LEAST_INFORMATION) & (determinant > 1e-9 * ones * squares)
        determinant = np.where(told, determinant, np.nan)
        first = (squares * score[:, 0] - logits * score[:, 1]) / determinant
        second = (ones * score[:, 1] - logits * score[:, 0]) / determinant
        return np.stack([first, second], axis=1)


def _one_hot(bins: NDArray[np.int64], count: int) -> Floats:
    found = np.zeros((len(bins), count))
    found[np.arange(len(bins)), bins] = 1
    return found


def _reliability_bins(cases: Cases, wide: NDArray[np.int64]) -> list[dict[str, Any]]:
    found = []
    for index in np.unique(wide):
        inside = wide == index
        positive = cases.positive[inside].astype(np.float64)
        low, high = share_interval(positive, cases.clusters[inside])
        found.append(
            {
                "low": int(index) / BINS,
                "high": (int(index) + 1) / BINS,
                "n": int(inside.sum()),
                "mean": float(cases.probability[inside].mean()),
                "share": float(positive.mean()),
                "share_low": low,
                "share_high": high,
            }
        )
    return found


def share_interval(positive: Floats, clusters: NDArray[np.int64]) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, n divided by the design effect of the clusters.

    The design effect is the variance of the share between clusters over the variance of as many
    independent cases (Korn and Graubard 1998, Surv. Methodol. 24(2), 193-201), never below 1.
    Where all are alike it cannot be seen, and each cluster counts as one case.

    Args:
        positive: 0 or 1, ``[n]``, at least one.
        clusters: of the cases, ``[n]``.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22(158), 209-212.
    """
    n, share = len(positive), float(positive.mean())
    index = np.unique(clusters, return_inverse=True)[1]
    count = int(index.max()) + 1
    effective = float(count)
    if 0 < share < 1 and count > 1:
        totals = np.bincount(index, positive - share)
        between = count / (count - 1) * float((totals**2).sum()) / n**2
        effective = n / max(1.0, between * (n - 1) / (share * (1 - share)))
    square = _NORMAL_975**2
    centre = (share + square / (2 * effective)) / (1 + square / effective)
    half = (
        _NORMAL_975
        * np.sqrt(share * (1 - share) / effective + square / (4 * effective**2))
        / (1 + square / effective)
    )
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _notes(cases: Cases, values: Mapping[str, float]) -> list[str]:
    notes = []
    probability, positive = cases.probability, cases.positive
    if positive.all() or not positive.any():
        notes.append(
            "All cases are of one class, so intercept and slope are undefined and there is "
            "nothing to resolve."
        )
    elif np.isnan(values["slope"]):
        notes.append(
            "All probabilities are equal, so there is no slope."
            if (probability == probability[0]).all()
            else "The probabilities separate the classes of these cases, so there is no slope."
        )
    extreme = int(((probability < SMALLEST) | (probability > 1 - SMALLEST)).sum())
    if extreme:
        notes.append(
            f"{extreme:,} probabilities so near 0 or 1 that they have no log-odds are taken as "
            f"{SMALLEST:g} and 1 - {SMALLEST:g} for intercept and slope."
        )
    return notes
