"""Figures of whole radiographs: how well a model tells fractured from normal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Cases
from fractura.evaluation.classification import (
    THRESHOLD,
    Classification,
    classification_figures,
)
from fractura.evaluation.interval import Figure, bootstrap_all, json_figures
from fractura.evaluation.metrics.calibration import basic
from fractura.regions import COARSE, REGIONS, agree

Floats = NDArray[np.float64]

FIXED = (0.9, 0.95)
"""Specificities at which sensitivity is given, and the reverse."""


def as_classes(cases: Cases, *, samples: int = 2000, seed: int = 0) -> Classification:
    """The cases measured as two classes, the second being the positive one.

    Raises:
        FracturaError: there is no case, an id comes twice, or a probability is not in 0..1.
    """
    return classification_figures(
        cases.ids,
        cases.clusters,
        np.stack([1 - cases.probability, cases.probability], axis=1),
        cases.positive.astype(np.int64),
        cases.names,
        samples=samples,
        seed=seed,
    )


def image_figures(
    cases: Cases, found: Classification | None = None, *, samples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Figures of the probabilities, each with n and a 95 % interval.

    ``auroc``, ``average_precision``, ``brier``, ``calibration_error`` and ``log_loss`` are of the
    probability; ``accuracy``, ``balanced_accuracy``, ``precision``, ``sensitivity``,
    ``specificity``, ``npv``, ``f1``, ``kappa`` and ``matthews`` of calling positive from 0.5 on.
    ``sensitivity_at_specificity_0.9`` is the highest sensitivity of any threshold whose
    specificity reaches 0.9, and so on for 0.95 and the reverse; the threshold is chosen anew in
    each bootstrap sample. ``region_accuracy`` is there if the model names regions: the share
    right where it names one and the case shows a single one. A coarser word for the same part is
    right.

    Intervals are percentile ones, that of ``calibration_error`` is ``calibration.basic``.

    What is undefined is ``None``; :func:`image_notes` says why.

    Args:
        cases: at least one.
        found: :func:`as_classes` of these cases, if it is there already.
        samples: bootstrap samples of whole clusters.
        seed: of the bootstrap.

    Returns:
        By name ``{"value", "low", "high", "n"}``, ``n`` being the cases that it rests on.

    Raises:
        FracturaError: there is no case, an id comes twice, or a probability is not in 0..1.
    """
    found = found or as_classes(cases, samples=samples, seed=seed)
    tradeoff = _Tradeoff(cases.probability, cases.positive)
    regions = _region_columns(cases)

    def measure(counts: Floats) -> Mapping[str, Floats]:
        figures = tradeoff.measure(counts)
        if regions is not None:
            named, right = (counts @ regions).T
            with np.errstate(invalid="ignore"):
                figures["region_accuracy"] = right / named
        return figures

    estimates = bootstrap_all(measure, cases.clusters, samples=samples, seed=seed)
    positives = int(cases.positive.sum())
    resting = {
        name: positives if name.startswith("sensitivity") else len(cases) - positives
        for name in estimates
    }
    if regions is not None:
        resting["region_accuracy"] = int(regions[:, 0].sum())
    error = found.figures["calibration_error"]
    corrected = basic(error)
    figures = {
        **found.figures,
        "calibration_error": Figure(corrected.value, corrected.low, corrected.high, error.n),
        "npv": found.classes[cases.names[0]]["precision"],
        **{name: Figure(e.value, e.low, e.high, resting[name]) for name, e in estimates.items()},
    }
    return json_figures(figures)


def image_notes(cases: Cases) -> list[str]:
    """Sentences about what :func:`image_figures` could not tell, or tells by convention."""
    notes = []
    positives = int(cases.positive.sum())
    negative, positive = cases.names
    for count, name in ((positives, positive), (len(cases) - positives, negative)):
        if count == 0:
            notes.append(
                f"No case is labelled {name}, so whatever compares the classes is undefined."
            )
        elif count == 1:
            notes.append(
                f"Only one case is labelled {name}; intervals cannot show how little that tells."
            )
    if len(cases) > 1 and (cases.probability == cases.probability[0]).all():
        notes.append(
            "All probabilities are equal, so nothing is ranked: an AUROC of 0.5 says just that."
        )
    if positives and not (cases.probability >= THRESHOLD).any():
        notes.append(
            f"No probability reaches {THRESHOLD}, so precision there is given as 0 by convention."
        )
    if positives < len(cases) and not (cases.probability < THRESHOLD).any():
        notes.append(
            f"Every probability reaches {THRESHOLD}, so the negative predictive value there is "
            "given as 0 by convention."
        )
    if len(np.unique(cases.clusters)) < 2:
        notes.append("All cases belong to one cluster, so there are no intervals.")
    return notes


class _Tradeoff:
    """Sensitivity at a fixed specificity, and the reverse, for many bootstrap samples at once.

    A threshold lies just above a negative's score, or at a positive's: nowhere else does the one
    rate reach the asked value at the best of the other.
    """

    def __init__(self, scores: Floats, positive: NDArray[np.bool_]) -> None:
        self._positives = np.flatnonzero(positive)[np.argsort(scores[positive], kind="stable")]
        self._negatives = np.flatnonzero(~positive)[np.argsort(scores[~positive], kind="stable")]
        ones, zeros = scores[self._positives], scores[self._negatives]
        self._not_above = np.searchsorted(ones, zeros, side="right")
        self._below = np.searchsorted(zeros, ones, side="left")

    def measure(self, counts: Floats) -> dict[str, Floats]:
        """Each figure ``[s]`` for how often each case counts, ``[s, n]``; ``nan`` if one class."""
        ones = np.cumsum(counts[:, self._positives], axis=1)
        zeros = np.cumsum(counts[:, self._negatives], axis=1)
        figures = {}
        for rate in FIXED:
            sensitivity, specificity = self._at(ones, zeros, rate)
            figures[f"sensitivity_at_specificity_{rate:g}"] = sensitivity
            figures[f"specificity_at_sensitivity_{rate:g}"] = specificity
        return figures

    def _at(self, ones: Floats, zeros: Floats, rate: float) -> tuple[Floats, Floats]:
        undefined = np.full(len(ones), np.nan)
        if not ones.shape[1] or not zeros.shape[1]:
            return undefined, undefined
        all_ones, all_zeros = ones[:, -1], zeros[:, -1]
        rejected = (zeros < _least(rate, all_zeros)[:, None]).sum(1)
        missed = _before(ones, self._not_above[np.minimum(rejected, zeros.shape[1] - 1)])
        allowed = all_ones - _least(rate, all_ones)
        lowest = (ones <= allowed[:, None]).sum(1)
        spared = _before(zeros, self._below[np.minimum(lowest, ones.shape[1] - 1)])
        with np.errstate(invalid="ignore"):
            both = all_ones * all_zeros > 0
            return (
                np.where(both, 1 - missed / all_ones, np.nan),
                np.where(both, spared / all_zeros, np.nan),
            )


def _least(rate: float, total: Floats) -> Floats:
    """The smallest number of cases whose share reaches a rate."""
    return np.asarray(np.ceil(rate * total - 1e-9))


def _before(cumulated: Floats, index: NDArray[np.intp]) -> Floats:
    """How many cases count before a place, for each sample, ``[s]``."""
    found = cumulated[np.arange(len(cumulated)), np.maximum(index - 1, 0)]
    return np.where(index > 0, found, 0.0)


def _region_columns(cases: Cases) -> Floats | None:
    """Whether a region is said of a case that shows a single one, and is right: ``[n, 2]``."""
    if cases.regions is None:
        return None
    known = {*REGIONS, *COARSE, *cases.regions}
    columns = np.zeros((len(cases), 2))
    for row, said, record in zip(columns, cases.regions, cases.records, strict=True):
        if said is not None and len(record.regions) == 1 and record.regions[0] in known:
            row[:] = 1, agree(said, record.regions[0])
    return columns
