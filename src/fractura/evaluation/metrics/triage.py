"""Three-way triage with a guaranteed share of errors, and the risk of what is called anyway."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation.cases import Cases
from fractura.evaluation.classification import THRESHOLD
from fractura.evaluation.interval import estimate

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

OUTCOMES = ("no fracture", "needs a reader", "fracture")

MOST_POINTS = 200
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Triage:
    """Thresholds that keep a promise; see :func:`fit_triage`.

    Attributes:
        low: cases with a probability below are sent to "no fracture"; ``-inf`` sends none.
        high: cases with a probability above are sent to "fracture"; ``inf`` sends none. Never
            below ``low``.
        alpha_missed, alpha_false_alarm: the chances of an error that are promised.
        positives, negatives: clusters with a case of each class that the thresholds rest on.
        calibrated_on: name of the cases, for people.
    """

    low: float
    high: float
    alpha_missed: float
    alpha_false_alarm: float
    positives: int
    negatives: int
    calibrated_on: str

    def outcomes(self, probability: Floats) -> Numbers:
        """Index into :data:`OUTCOMES` of each case, ``[n]``."""
        return np.where(probability < self.low, 0, np.where(probability > self.high, 2, 1))


def fit_triage(
    cases: Cases,
    *,
    alpha_missed: float = 0.05,
    alpha_false_alarm: float = 0.05,
    name: str = "other cases",
) -> Triage:
    """Thresholds by class-conditional split-conformal prediction.

    Whatever the model and however bad its probabilities: if a new cluster (a patient) is drawn
    from where these came, a positive case drawn from it is sent to "no fracture" with a chance of
    at most ``alpha_missed``, and a negative one to "fracture" with at most ``alpha_false_alarm``.
    The chance is over these cases, too: single sets of them do better or worse. Every cluster
    counts as much, however many cases it has, and its cases may resemble each other.

    Where no case would need a reader and the thresholds would cross, their mean takes the place of
    both, which keeps both promises.

    Args:
        cases: not among those that the model was trained on, or whose triage is to be measured.
        alpha_missed, alpha_false_alarm: in 0..1, both ends excluded.
        name: of the cases, for people.

    Raises:
        FracturaError: a chance is not between 0 and 1.

    Sources: Vovk 2012, arXiv 1209.2673, for class-conditional (Mondrian) prediction; Angelopoulos
    and Bates 2021, arXiv 2107.07511; Lee, Barber and Willett 2023, arXiv 2306.06342, for clusters,
    which is the limit of the repeated subsampling of Dunn, Wasserman and Ramdas 2018, arXiv
    1809.07441.
    """
    for alpha in (alpha_missed, alpha_false_alarm):
        if not 0 < alpha < 1:
            raise FracturaError(f"{alpha} is no chance of an error; give one between 0 and 1")
    ones, zeros = cases.positive, ~cases.positive
    low = _lower_bound(cases.probability[ones], cases.clusters[ones], alpha_missed)
    high = -_lower_bound(-cases.probability[zeros], cases.clusters[zeros], alpha_false_alarm)
    if low > high:
        low = high = (low + high) / 2
    return Triage(
        low,
        high,
        alpha_missed,
        alpha_false_alarm,
        len(np.unique(cases.clusters[ones])),
        len(np.unique(cases.clusters[zeros])),
        name,
    )


def triage(
    cases: Cases,
    fitted: Triage | None = None,
    *,
    alpha_missed: float = 0.05,
    alpha_false_alarm: float = 0.05,
    samples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """How triage does, and how the share of errors falls as doubtful cases are left to a reader.

    Args:
        cases: to be triaged.
        fitted: on other cases. Without it these are halved by clusters, and each half is triaged
            with the thresholds of the other; the thresholds given then rest on all of them.
        alpha_missed, alpha_false_alarm: as :func:`fit_triage`, where nothing is fitted yet.
        samples: bootstrap samples.
        seed: of the halves and of the bootstrap.

    Returns:
        The section ``triage`` of a scorecard. ``figures`` are shares of cases; ``_by_cluster``
        ones count every cluster alike, as the promise does. A point of ``risk_coverage`` is the
        share of cases that are called, most certain first, and the share of them called wrong at a
        probability of 0.5; the area under it is the mean over cases. Equally certain cases are
        called together.

    Sources: El-Yaniv and Wiener 2010, JMLR 11, 1605-1641; Geifman and El-Yaniv 2017, arXiv
    1705.08500; the area: Geifman, Uziel and El-Yaniv 2019, arXiv 1805.08206.
    """
    notes = []
    if fitted is None:
        alphas = {"alpha_missed": alpha_missed, "alpha_false_alarm": alpha_false_alarm}
        parts = _halves(cases, seed)
        halves = [
            fit_triage(cases.of(np.flatnonzero(parts == 1 - part)), **alphas, name="")
            for part in (0, 1)
        ]
        outcomes = np.where(
            parts == 0,
            halves[0].outcomes(cases.probability),
            halves[1].outcomes(cases.probability),
        )
        fitted = fit_triage(cases, **alphas, name="two halves of these cases, crosswise")
        notes = [
            "No other split was given to choose thresholds on, so each half of the clusters is "
            "triaged with the thresholds of the other half; the thresholds given here are those of "
            "all cases, for use on new ones."
        ]
        notes += _shortages(halves)
    else:
        outcomes = fitted.outcomes(cases.probability)
        notes += _shortages([fitted])
    for positive, name in enumerate(cases.names):
        if not (cases.positive == bool(positive)).any():
            notes.append(f"No case is labelled {name}, so its share of errors is not defined.")
    return {
        "alpha": {"missed": fitted.alpha_missed, "false_alarm": fitted.alpha_false_alarm},
        "calibrated_on": fitted.calibrated_on,
        "thresholds": {"low": _number(fitted.low), "high": _number(fitted.high)},
        "guarantee": _guarantee(fitted, cases.names),
        "figures": _figures(cases, outcomes, samples, seed),
        "confusion": {
            name: np.bincount(cases.positive[outcomes == index], minlength=2).tolist()
            for index, name in enumerate(OUTCOMES)
        },
        **_risk(cases, samples, seed),
        "notes": notes,
    }


def _lower_bound(scores: Floats, clusters: Numbers, alpha: float) -> float:
    """The highest score below which a case of a new cluster falls with a chance within alpha.

    A new cluster has a weight of 1, as each of these, and all of it is taken to lie below.
    """
    _, index, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    weight = np.append(0.0, np.cumsum((1 / counts)[index[order]]))
    below = weight[np.searchsorted(ranked, ranked, side="left")]
    allowed = ranked[below + 1 <= alpha * (len(counts) + 1) + _ROUNDING]
    return float(allowed[-1]) if len(allowed) else -np.inf


def _halves(cases: Cases, seed: int) -> Numbers:
    """0 or 1 for each case; clusters stay whole, those with a positive are dealt out first."""
    names, index = np.unique(cases.clusters, return_inverse=True)
    with_positive = np.bincount(index, cases.positive, len(names)) > 0
    shuffled = np.random.default_rng(seed).permutation(len(names))
    dealt = shuffled[np.argsort(~with_positive[shuffled], kind="stable")]
    half = np.zeros(len(names), dtype=np.int64)
    half[dealt[1::2]] = 1
    return half[index]


def _figures(cases: Cases, outcomes: Numbers, samples: int, seed: int) -> dict[str, Any]:
    positive = cases.positive
    parts = {
        "missed": (positive, outcomes == 0),
        "false_alarm": (~positive, outcomes == 2),
        "needs_reader": (np.ones_like(positive), outcomes == 1),
        "fracture_share": (np.ones_like(positive), outcomes == 2),
        "no_fracture_share": (np.ones_like(positive), outcomes == 0),
    }
    columns, resting = [], {}
    for name, (among, counted) in parts.items():
        columns += [among, among & counted]
        resting[name] = int(among.sum())
    for name in ("missed", "false_alarm"):
        among, counted = parts[name]
        weight = among / np.maximum(np.bincount(cases.clusters, among)[cases.clusters], 1)
        columns += [weight, weight * counted]
        resting[f"{name}_by_cluster"] = resting[name]
    table = np.stack(columns, axis=1).astype(np.float64)

    def measure(counts: Floats) -> dict[str, Floats]:
        sums = counts @ table
        with np.errstate(invalid="ignore"):
            shares = sums[:, 1::2] / sums[:, ::2]
        return dict(zip(resting, shares.T, strict=True))

    return estimate(measure, cases.clusters, samples, seed, resting)


def _risk(cases: Cases, samples: int, seed: int) -> dict[str, Any]:
    wrong = (cases.probability >= THRESHOLD) != cases.positive
    doubt = -np.abs(cases.probability - THRESHOLD)
    order = np.argsort(doubt, kind="stable")
    ranked = doubt[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

    def errors(counts: Floats) -> tuple[Floats, Floats]:
        """Cases called up to each degree of doubt, and the share of them called wrong."""
        ordered = counts[:, order]
        called = np.cumsum(ordered, axis=1)[:, ends]
        missed = np.cumsum(ordered * wrong[order], axis=1)[:, ends]
        return called, missed / np.maximum(called, 1)

    def measure(counts: Floats) -> dict[str, Floats]:
        called, risk = errors(counts)
        gained = np.diff(called, axis=1, prepend=0)
        return {"area_under_risk_coverage": (gained * risk).sum(axis=1) / called[:, -1]}

    called, risk = errors(np.ones((1, len(cases))))
    kept = np.unique(np.linspace(0, len(ends) - 1, MOST_POINTS).round().astype(np.int64))
    points = np.stack([called[0, kept] / len(cases), risk[0, kept]], axis=1)
    rests = {"area_under_risk_coverage": len(cases)}
    return {
        "risk_coverage": points.tolist(),
        "figures_risk": estimate(measure, cases.clusters, samples, seed, rests),
    }


def _guarantee(fitted: Triage, names: tuple[str, str]) -> str:
    promises = [
        f'a case labelled {name} is sent to "{outcome}" with a chance of at most {alpha:g} (the '
        f"threshold rests on {clusters:,} patients or groups with such a case)"
        for name, outcome, alpha, clusters, bound in (
            (names[1], OUTCOMES[0], fitted.alpha_missed, fitted.positives, fitted.low),
            (names[0], OUTCOMES[2], fitted.alpha_false_alarm, fitted.negatives, fitted.high),
        )
        if np.isfinite(bound)
    ]
    if not promises:
        return "Nothing is called, so nothing can be wrong: every case needs a reader."
    return (
        "If new patients come from where the cases came that the thresholds were chosen on, "
        f"{', and '.join(promises)}. This holds for any model and any number of cases, on average "
        "over such choices of thresholds, for one case drawn at random of a patient or group drawn "
        "at random."
    )


def _shortages(fits: Sequence[Triage]) -> list[str]:
    """Sentences about thresholds that too few clusters allow."""
    notes = []
    for outcome, asked in (
        (OUTCOMES[0], [(fit.positives, fit.alpha_missed) for fit in fits]),
        (OUTCOMES[2], [(fit.negatives, fit.alpha_false_alarm) for fit in fits]),
    ):
        clusters, alpha = min(asked)
        least = math.ceil(1 / alpha - _ROUNDING) - 1
        if clusters < least:
            notes.append(
                f'Cases are not sent to "{outcome}" where the threshold would rest on {clusters:,} '
                f"patients or groups of the other class: a chance of {alpha:g} needs {least:,}."
            )
    return notes


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
