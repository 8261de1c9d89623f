"""Operating points: thresholds chosen by rule on one split and reported on another."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation import confusion
from fractura.evaluation.cases import Cases
from fractura.evaluation.interval import Figure, bootstrap_all, json_figure
from fractura.reading.calibration import ConformalGuarantee

Floats = NDArray[np.float64]

ABOVE_ALL = float(np.nextafter(1.0, 2.0))
"""A threshold that no probability reaches."""

MISSED = 0.10
FALSE_ALARM = 0.03
"""Chances of an error that the thresholds stored in a model promise."""

_RULE = re.compile(r"(sensitivity|specificity)>=(0?\.\d+)|youden|cost=(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """A threshold from which a probability is called positive.

    Attributes:
        name: of the point, for people.
        rule: by which it was chosen, or who set it.
        threshold: 0..1; :data:`ABOVE_ALL` calls nothing.
        chosen_on: what it was chosen on, for people (``"split valid"``).
    """

    name: str
    rule: str
    threshold: float
    chosen_on: str


def parse_rule(rule: str) -> tuple[str | None, str, str | None]:
    """What a rule of :func:`choose` asks for: which rate, its value, and a cost.

    Raises:
        FracturaError: there is no such rule.
    """
    found = _RULE.fullmatch(rule.replace(" ", "").replace("≥", ">="))
    if found is None:
        raise FracturaError(
            f"there is no rule {rule!r}; give sensitivity>=0.9, specificity>=0.95, youden or "
            "cost=10, with any number"
        )
    kind, rate, cost = found.groups()
    if rate and float(rate) == 0:
        raise FracturaError(f"{rule} asks for nothing; give a share above 0 and below 1")
    return kind, rate or "", cost


def choose(cases: Cases, rule: str) -> float:
    """The threshold that a rule takes from labelled cases.

    ``sensitivity>=0.9``: the k-th lowest probability of the n positives, k = ⌊0.1 (n + 1)⌋, so
    that a new positive case falls below it with a chance of at most 0.1. ``specificity>=0.95``:
    the lowest probability above the k-th lowest of the n negatives, k = ⌈0.95 (n + 1)⌉, so that a
    new negative case reaches it with a chance of at most 0.05. Both hold on average over draws of
    these cases, whatever the model, if new cases are drawn as these were (split conformal
    prediction: Papadopoulos et al. 2002, ECML, LNCS 2430, 345-356). With so few cases that
    nothing can be promised, the threshold is 0, or one that calls nothing.

    ``youden``: the highest sensitivity + specificity (Youden 1950, Cancer 3(1), 32-35).
    ``cost=10``: the lowest cost where a missed positive costs 10 false alarms, at the share of
    positives among these cases. Of equally good thresholds both take the lowest, which misses
    least.

    Args:
        cases: those to choose on.
        rule: one of these, with any number.

    Returns:
        The threshold, 0..1, or :data:`ABOVE_ALL`.

    Raises:
        FracturaError: there is no such rule, or the cases lack the classes that it needs.
    """
    kind, rate, cost = parse_rule(rule)
    scores = np.sort(cases.probability)
    ones = np.sort(cases.probability[cases.positive])
    zeros = np.sort(cases.probability[~cases.positive])
    if not len(ones) and kind != "specificity":
        raise FracturaError(f"{rule} needs cases labelled {cases.names[1]}; there is none")
    if not len(zeros) and kind != "sensitivity":
        raise FracturaError(f"{rule} needs cases labelled {cases.names[0]}; there is none")
    if kind == "sensitivity":
        place = int(np.floor((1 - float(rate)) * (len(ones) + 1) + 1e-9))
        return float(ones[place - 1]) if place else 0.0
    if kind == "specificity":
        place = int(np.ceil(float(rate) * (len(zeros) + 1) - 1e-9))
        if place > len(zeros):
            return ABOVE_ALL
        higher = scores[scores > zeros[place - 1]]
        return float(higher[0]) if len(higher) else ABOVE_ALL
    if cost:
        return _cheapest(ones, zeros, float(cost), 1)
    return _cheapest(ones, zeros, len(zeros), len(ones))


def promised(
    probability: Floats, positive: NDArray[np.bool_], name: str
) -> tuple[float, float, ConformalGuarantee]:
    """Thresholds for a model to keep, and what they promise: conformal triage of radiographs.

    By the rules ``sensitivity>=0.9`` and ``specificity>=0.97`` of :func:`choose`, rounded to four
    decimals on the side that keeps the promise.

    Args:
        probability, positive: of ``n`` radiographs that the model was not trained on, ``[n]``.
        name: of these, for people.

    Returns:
        The probability from which a reading is not called ``no fracture``, the one from which it
        is called ``fracture``, and the promise. The second is never below the first, and above 1
        where nothing may be called ``fracture``.
    """
    cases = Cases("", (), positive, probability, np.arange(len(probability)))
    suspicious = math.floor(choose(cases, f"sensitivity>={1 - MISSED:g}") * 1e4) / 1e4
    definite = math.ceil(choose(cases, f"specificity>={1 - FALSE_ALARM:g}") * 1e4) / 1e4
    ones = int(positive.sum())
    guarantee = ConformalGuarantee(MISSED, FALSE_ALARM, ones, len(positive) - ones, name)
    return suspicious, max(suspicious, definite), guarantee


def _cheapest(ones: Floats, zeros: Floats, miss: float, alarm: float) -> float:
    """The lowest threshold of least cost, for what a missed positive and a false alarm cost."""
    thresholds = np.append(np.unique(np.concatenate([ones, zeros])), ABOVE_ALL)
    missed = np.searchsorted(ones, thresholds, side="left")
    alarms = len(zeros) - np.searchsorted(zeros, thresholds, side="left")
    return float(thresholds[np.argmin(miss * missed + alarm * alarms)])


def operating_points(
    cases: Cases,
    points: Sequence[MeasuredPoint],
    *,
    prevalence: float | None = None,
    samples: int = 2000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """What calling positive from each threshold on means for these cases.

    Args:
        cases: at least one.
        points: thresholds, chosen on other cases.
        prevalence: share of positives where the model is to be used, in 0..1; adds
            ``ppv_at_prevalence`` and ``npv_at_prevalence``, by Bayes' theorem from sensitivity
            and specificity.
        samples: bootstrap samples of whole clusters.
        seed: of the bootstrap.

    Returns:
        For each point its fields, ``confusion`` ``[[tn, fp], [fn, tp]]``, ``figures`` and
        ``notes``. ``flagged`` is the share of all cases called positive. A precision or negative
        predictive value where nothing is so called is 0 by convention, with a note.

    Raises:
        FracturaError: the prevalence is not in 0..1.
    """
    if prevalence is not None and not 0 <= prevalence <= 1:
        raise FracturaError(f"a prevalence of {prevalence} is no share; give a number in 0..1")
    truth = cases.positive.astype(np.int64)
    cells = np.hstack(
        [
            np.zeros((len(cases), 0)),
            *(
                confusion.cells(truth, (cases.probability >= point.threshold).astype(int), 2)
                for point in points
            ),
        ]
    )

    def matrices(counts: Floats) -> Floats:
        return (counts @ cells).reshape(len(counts), len(points), 2, 2)

    def measure(counts: Floats) -> Mapping[str, Floats]:
        found = _figures(matrices(counts), prevalence)
        return {
            f"{index}/{name}": values[:, index]
            for index in range(len(points))
            for name, values in found.items()
        }

    estimates = bootstrap_all(measure, cases.clusters, samples=samples, seed=seed)
    once = matrices(np.ones((1, len(cases))))[0].astype(np.int64)
    reported = []
    for index, (point, matrix) in enumerate(zip(points, once, strict=True)):
        figures = {}
        for name in _names(prevalence):
            one = estimates[f"{index}/{name}"]
            figures[name] = json_figure(
                Figure(one.value, one.low, one.high, _resting(name, matrix))
            )
        reported.append(
            {
                "name": point.name,
                "rule": point.rule,
                "threshold": float(point.threshold),
                "chosen_on": point.chosen_on,
                "confusion": matrix.tolist(),
                "figures": figures,
                "notes": _notes(matrix, cases.names),
            }
        )
    return reported


def _names(prevalence: float | None) -> list[str]:
    return list(_figures(np.zeros((1, 2, 2)), prevalence))


def _figures(matrix: Floats, prevalence: float | None) -> dict[str, Floats]:
    """Every figure ``[...]`` of confusion matrices ``[..., 2, 2]``."""
    sensitivities, precisions = confusion.sensitivities(matrix), confusion.precisions(matrix)
    sensitivity, specificity = sensitivities[..., 1], sensitivities[..., 0]
    figures = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": precisions[..., 1],
        "npv": precisions[..., 0],
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        if prevalence is not None:
            hits, alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
            misses, spared = (1 - sensitivity) * prevalence, specificity * (1 - prevalence)
            figures["ppv_at_prevalence"] = hits / (hits + alarms)
            figures["npv_at_prevalence"] = spared / (spared + misses)
        flagged = matrix[..., 1].sum(-1) / matrix.sum((-2, -1))
    return figures | {
        "accuracy": confusion.accuracy(matrix),
        "balanced_accuracy": confusion.over_classes(sensitivities, matrix),
        "f1": confusion.f1s(matrix)[..., 1],
        "kappa": confusion.kappa(matrix),
        "matthews": confusion.matthews(matrix),
        "flagged": flagged,
    }


def _resting(name: str, matrix: NDArray[np.int64]) -> int:
    """The number of cases that a figure rests on."""
    parts = {
        "sensitivity": matrix[1],
        "specificity": matrix[0],
        "precision": matrix[:, 1],
        "npv": matrix[:, 0],
    }
    return int(parts.get(name, matrix).sum())


def _notes(matrix: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    notes = [
        f"No case is labelled {name}, so what compares the classes is undefined."
        for name, row in zip(names, matrix, strict=True)
        if not row.sum()
    ]
    if not matrix[:, 1].sum():
        notes.append("No case is called positive here, so precision is 0 by convention.")
    if not matrix[:, 0].sum():
        notes.append(
            "Every case is called positive here, so the negative predictive value is 0 by "
            "convention."
        )
    return notes
