"""Figures of class probabilities, each with n and a 95 % interval."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation import confusion
from fractura.evaluation.interval import Estimate, Figure, bootstrap_all, json_figures
from fractura.evaluation.ranking import Ranking

Floats = NDArray[np.float64]

THRESHOLD = 0.5
"""Probability of the positive class from which a case of two classes is called positive."""
BINS = 10
"""Equally wide bins of the calibration error."""


@dataclass(frozen=True)
class Classification:
    """What was measured.

    Attributes:
        figures: by name. With two classes, ``precision``, ``sensitivity``, ``specificity``,
            ``f1``, ``auroc`` and ``average_precision`` are of the second class, the positive one,
            called from :data:`THRESHOLD` on; ``brier`` is the mean squared error of its
            probability and ``calibration_error`` compares it with the share of positives. With
            more, the most probable class is called; those figures are means over the classes that
            occur (one class against the rest), ``brier`` sums over classes (Brier 1950), and
            ``calibration_error`` is of the class called (Guo et al. 2017, arXiv 1706.04599).
        classes: of each class by name: ``sensitivity``, ``precision``, ``f1``, ``auroc``.
        matrix: confusion matrix ``[C, C]``, rows the truth, columns what was called.
        baseline: the figures of always calling the most frequent class.
        baseline_class: that class.
    """

    figures: dict[str, Figure]
    classes: dict[str, dict[str, Figure]]
    matrix: NDArray[np.int64]
    baseline: dict[str, Figure]
    baseline_class: str

    def by_class(self) -> dict[str, Any]:
        """``classes``, ``confusion`` and ``baseline`` as a scorecard holds them."""
        in_class = self.matrix.sum(1).tolist()
        return {
            "classes": {
                name: {"n": n, **json_figures(figures)}
                for n, (name, figures) in zip(in_class, self.classes.items(), strict=True)
            },
            "confusion": self.matrix.tolist(),
            "baseline": {"class": self.baseline_class, "figures": json_figures(self.baseline)},
        }


def called_classes(probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
    """The class that is called, ``[n]``, for probabilities ``[n, C]``: see :data:`THRESHOLD`."""
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] >= THRESHOLD).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1))


def classification_figures(
    ids: Sequence[str],
    clusters: Sequence[Any] | NDArray[Any],
    probabilities: NDArray[np.floating],
    truth: NDArray[np.integer],
    classes: Sequence[str],
    *,
    samples: int = 2000,
    seed: int = 0,
) -> Classification:
    """Measure class probabilities.

    Figures that are undefined, such as an AUROC where all cases are of one class, are ``nan``.
    An interval of no width says that no bootstrap sample differed, not that there is no doubt.

    Args:
        ids: of the cases, ``[n]``.
        clusters: what each case is drawn together with, ``[n]``; see ``scorecard.cluster``.
        probabilities: ``[n, C]``, each row sums to 1.
        truth: index of the class of each case, ``[n]``.
        classes: names, ``[C]``; of two, the second is the positive one.
        samples: bootstrap samples.
        seed: of the bootstrap.

    Raises:
        FracturaError: there is no case, the sizes differ, an id comes twice, a probability is
            not a number in 0..1, or a truth is not a class.
    """
    check_cases(ids, clusters, truth)
    probabilities = _checked(ids, probabilities, truth, classes)
    cases = _Cases(probabilities, np.asarray(truth, np.int64), called_classes(probabilities))
    found = bootstrap_all(cases.measure, np.asarray(clusters), samples=samples, seed=seed)
    matrix = cases.matrices(np.ones((1, len(truth))))[0]
    in_class, in_called = matrix.sum(1).astype(int), matrix.sum(0).astype(int)
    total = len(truth)
    counts = dict.fromkeys(found, total)
    if len(classes) == 2:
        counts |= {
            "sensitivity": int(in_class[1]),
            "specificity": int(in_class[0]),
            "precision": int(in_called[1]),
        }
    for index in range(len(classes)):
        counts |= {
            f"{index}/sensitivity": int(in_class[index]),
            f"{index}/precision": int(in_called[index]),
            f"{index}/f1": int(in_class[index]),
        }
    figures = {name: _figure(estimate, counts[name]) for name, estimate in found.items()}
    return Classification(
        figures={name: figure for name, figure in figures.items() if "/" not in name},
        classes={name: _part(figures, str(index)) for index, name in enumerate(classes)},
        matrix=matrix.astype(np.int64),
        baseline=_part(figures, "baseline"),
        baseline_class=classes[cases.most_frequent],
    )


def check_cases(
    ids: Sequence[str], clusters: Sequence[Any] | NDArray[Any], truth: NDArray[Any]
) -> None:
    """Refuse what cannot be measured.

    Raises:
        FracturaError: there is no case, the sizes differ, or an id comes twice.
    """
    if not len(ids):
        raise FracturaError("there is nothing to measure: no case was given")
    if not len(ids) == len(clusters) == len(truth):
        raise FracturaError(
            f"{len(ids)} ids, {len(clusters)} clusters and {len(truth)} labels do not fit together"
        )
    twice = next((name for name, count in Counter(ids).items() if count > 1), None)
    if twice is not None:
        raise FracturaError(f"{twice} comes twice; give each case once")


def _checked(
    ids: Sequence[str],
    probabilities: NDArray[np.floating],
    truth: NDArray[np.integer],
    classes: Sequence[str],
) -> Floats:
    if len(classes) < 2 or probabilities.shape != (len(ids), len(classes)):
        raise FracturaError(
            f"probabilities of shape {probabilities.shape} do not fit {len(ids)} cases "
            f"and {len(classes)} classes; two classes are the least"
        )
    values = np.asarray(probabilities, dtype=np.float64)
    wrong = ~((values >= 0) & (values <= 1)).all(1) | ~(np.abs(values.sum(1) - 1) < 1e-3)
    if wrong.any():
        first = int(wrong.argmax())
        given = ", ".join(f"{value:.4g}" for value in values[first])
        raise FracturaError(
            f"the probabilities of {ids[first]} ({given}) are not numbers in 0..1 that sum to 1"
        )
    outside = (truth < 0) | (truth >= len(classes))
    if outside.any():
        first = int(outside.argmax())
        raise FracturaError(f"the class of {ids[first]} is {truth[first]}, which does not exist")
    return values


class _Cases:
    """What does not change from one bootstrap sample to the next."""

    def __init__(
        self, probabilities: Floats, truth: NDArray[np.int64], called: NDArray[np.int64]
    ) -> None:
        self.classes = probabilities.shape[1]
        rows = np.arange(len(truth))
        self.most_frequent = int(np.bincount(truth, minlength=self.classes).argmax())
        self._cells = confusion.cells(truth, called, self.classes)
        always = np.full_like(truth, self.most_frequent)
        self._baseline = confusion.cells(truth, always, self.classes)
        asked = range(1, 2) if self.classes == 2 else range(self.classes)
        self._rankings = [Ranking(probabilities[:, index], truth == index) for index in asked]
        if self.classes == 2:
            confidence, right = probabilities[:, 1], truth == 1
            squares = (confidence - right) ** 2
        else:
            confidence, right = probabilities[rows, called], truth == called
            squares = ((probabilities - np.eye(self.classes)[truth]) ** 2).sum(1)
        tiny = np.finfo(np.float64).eps
        losses = -np.log(np.clip(probabilities[rows, truth], tiny, 1 - tiny))
        self._means = np.stack([squares, losses], axis=1)
        self._gaps = np.zeros((len(truth), BINS))
        bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
        self._gaps[rows, bins] = right - confidence

    def matrices(self, counts: Floats) -> Floats:
        return (counts @ self._cells).reshape(-1, self.classes, self.classes)

    def measure(self, counts: Floats) -> dict[str, Floats]:
        """Every figure ``[s]`` for how often each case counts, ``[s, n]``."""
        matrix = self.matrices(counts)
        total = counts.sum(1)
        brier, log_loss = (counts @ self._means).T / total
        ranked = [ranking.measure(counts) for ranking in self._rankings]
        aurocs, precisions = (np.stack(list(part), axis=1) for part in zip(*ranked, strict=True))
        if self.classes == 2:
            figures = _of_calls(matrix, 1)
            figures |= {"auroc": aurocs[:, 0], "average_precision": precisions[:, 0]}
            aurocs = np.repeat(aurocs, 2, axis=1)
        else:
            figures = _of_calls(matrix, None)
            figures |= {
                "auroc": confusion.over_classes(aurocs, matrix),
                "average_precision": confusion.over_classes(precisions, matrix),
            }
        figures |= {
            "brier": brier,
            "calibration_error": np.abs(counts @ self._gaps).sum(1) / total,
            "log_loss": log_loss,
        }
        sensitivity = confusion.sensitivities(matrix)
        precision, f1 = confusion.precisions(matrix), confusion.f1s(matrix)
        for index in range(self.classes):
            figures |= {
                f"{index}/sensitivity": sensitivity[:, index],
                f"{index}/precision": precision[:, index],
                f"{index}/f1": f1[:, index],
                f"{index}/auroc": aurocs[:, index],
            }
        always = (counts @ self._baseline).reshape(matrix.shape)
        baseline = _of_calls(always, 1 if self.classes == 2 else None)
        return figures | {f"baseline/{name}": values for name, values in baseline.items()}


def _of_calls(matrix: Floats, positive: int | None) -> dict[str, Floats]:
    """What follows from the calls alone: of one class, or the mean over classes if ``None``."""

    def pick(values: Floats) -> Floats:
        if positive is None:
            return confusion.over_classes(values, matrix)
        return values[..., positive]

    sensitivities = confusion.sensitivities(matrix)
    return {
        "accuracy": confusion.accuracy(matrix),
        "balanced_accuracy": confusion.over_classes(sensitivities, matrix),
        "precision": pick(confusion.precisions(matrix)),
        "sensitivity": pick(sensitivities),
        "specificity": pick(confusion.specificities(matrix)),
        "f1": pick(confusion.f1s(matrix)),
        "kappa": confusion.kappa(matrix),
        "matthews": confusion.matthews(matrix),
    }


def _figure(estimate: Estimate, n: int) -> Figure:
    return Figure(estimate.value, estimate.low, estimate.high, n)


def _part(figures: Mapping[str, Figure], prefix: str) -> dict[str, Figure]:
    start = f"{prefix}/"
    return {
        name.removeprefix(start): figure
        for name, figure in figures.items()
        if name.startswith(start)
    }
