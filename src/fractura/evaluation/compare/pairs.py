"""Every run against the best, case by case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.classification import called_classes
from fractura.evaluation.compare.gather import ComparedRun
from fractura.evaluation.interval import bootstrap_all
from fractura.evaluation.paired import Difference, delong, mcnemar
from fractura.evaluation.predictions.run_table import RunPredictions


@dataclass(frozen=True)
class RunPair:
    """A run against the best one.

    Attributes:
        name: of the run.
        figure: whose difference was tested: ``auroc``, or ``accuracy`` with several classes.
        difference: the run minus the best; its ``p`` is DeLong's, and ``nan`` for accuracy.
        mcnemar: p value that both call equally many cases right.
    """

    name: str
    figure: str
    difference: Difference
    mcnemar: float


def pairs(runs: Sequence[ComparedRun]) -> tuple[list[RunPair], list[str]]:
    """Paired tests against the first run, and a sentence for what could not be tested."""
    best, *others = runs
    if not others:
        return [], []
    if best.predictions is None:
        return [], [f"No paired tests: there is no predictions.csv beside {best.name}."]
    found, notes = [], []
    for run in others:
        if run.predictions is None:
            notes.append(f"{run.name} was not tested: there is no predictions.csv beside it.")
        elif not _same_cases(best.predictions, run.predictions):
            notes.append(f"{run.name} was not tested: its predictions are of other cases.")
        else:
            found.append(_pair(run.name, run.predictions, best.predictions))
    return found, notes


def _same_cases(one: RunPredictions, other: RunPredictions) -> bool:
    return (
        one.ids == other.ids
        and one.classes == other.classes
        and one.clusters == other.clusters
        and bool((one.truth == other.truth).all())
    )


def _pair(name: str, own: RunPredictions, best: RunPredictions) -> RunPair:
    clusters = np.array(own.clusters)
    right, best_right = (called_classes(one.probabilities) == own.truth for one in (own, best))
    p = mcnemar(right, best_right)
    if len(own.classes) == 2:
        scores, best_scores = own.probabilities[:, 1], best.probabilities[:, 1]
        return RunPair(name, "auroc", delong(scores, best_scores, own.truth == 1, clusters), p)
    gain = right.astype(np.float64) - best_right

    def mean_gain(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {"accuracy": counts @ gain / counts.sum(1)}

    estimate = bootstrap_all(mean_gain, clusters)["accuracy"]
    difference = Difference(estimate.value, estimate.low, estimate.high, math.nan)
    return RunPair(name, "accuracy", difference, p)
