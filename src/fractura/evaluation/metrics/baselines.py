"""What is reached without looking at the picture: the figures that a model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.columns import Column, column_sets, varies, without_label
from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.trees import held_out, mid_ranks, probabilities
from fractura.datasets.grouping import with_groups
from fractura.datasets.record import Record
from fractura.evaluation.cases import Cases, is_positive
from fractura.evaluation.classification import THRESHOLD
from fractura.evaluation.interval import estimate
from fractura.evaluation.ranking import Ranking

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_FIGURES = ("auroc", "average_precision", "brier", "accuracy")
FOLDS = 5
FEWEST = 20
FEWEST_GROUPS = 10
"""Cases and groups that each class needs for trees to be trained."""


@dataclass(frozen=True, eq=False)
class _Guess:
    """Probabilities by a baseline, and the scores by which it ranks the cases."""

    probability: Floats
    ranking: Floats
    note: str


def baselines(
    cases: Cases, training: Sequence[Record] = (), *, samples: int = 2000, seed: int = 0
) -> list[dict[str, Any]]:
    """Figures of three models that never see a pixel.

    ``prevalence`` gives every case the same probability. ``image size`` and ``metadata`` are
    boosted trees; metadata is whatever the manifest says of a radiograph, its size included, but
    not its label, what follows from the label, or the file's size in bytes. Trees learn from the
    training split, as the model did, where it has at least 20 records of each class in 10 groups;
    otherwise from these cases, cross-validated over five folds that keep groups together.

    Args:
        cases: to be told apart.
        training: records of the training split. Studies and patients are cross-validated always,
            since these are single images.
        samples: bootstrap samples.
        seed: of the bootstrap and the folds.

    Returns:
        The section ``baselines`` of a scorecard. Figures are ``None``, with a note, where there is
        too little to learn from. Accuracy is at a probability of 0.5. Intervals are of the cases
        alone: how the baseline would vary with its training data is not in them.
    """
    target = cases.names[1]
    known = [record for record in training if is_positive(record, target) is not None]
    if cases.level != "image":
        known = []
    labels = np.array([is_positive(record, target) for record in known], dtype=bool)
    learning = with_groups([*known, *cases.records], {})
    sets = _columns(learning, np.append(labels, cases.positive))
    first = {"name": "prevalence", "sees": "nothing"}
    found = [first | _result(cases, _prevalence(cases, labels), samples, seed)]
    for name in ("image size", "metadata"):
        guess: _Guess | str
        if not sets[name]:
            guess = f"Nothing of {name} differs between the radiographs."
        else:
            guess = _guess(cases, sets[name], labels, learning, seed)
        sees = ", ".join(column.name for column in sets[name]) or "nothing"
        found.append({"name": name, "sees": sees} | _result(cases, guess, samples, seed))
    return found


def _columns(records: Sequence[Record], positive: Flags) -> dict[str, list[Column]]:
    """By the name of the baseline, those columns that vary and do not repeat the label."""
    looks: dict[tuple[Any, ...], Examination] = {}
    for record in records:
        look = _look(record)
        if look not in looks:
            known = record.width and record.height
            looks[look] = Examination(
                problem=None if known else "its size is not known",
                sha256="",
                size=0,
                width=record.width or 0,
                height=record.height or 0,
                bits=record.bits or 0,
                format=record.format or "",
            )
    sets = column_sets(records, [looks[_look(record)] for record in records])
    sources = np.array([record.source for record in records])

    def honest(columns: Sequence[Column]) -> list[Column]:
        kept = [without_label(column, sources, positive)[0] for column in columns]
        return [column for column in kept if varies(column)]

    size = honest(sets["size"])
    form = [column for column in sets["format"] if column.name in ("format", "bits")]
    return {"image size": size, "metadata": [*honest(sets["metadata"]), *size, *honest(form)]}


def _look(record: Record) -> tuple[Any, ...]:
    return record.width, record.height, record.bits, record.format


def _prevalence(cases: Cases, labels: Flags) -> _Guess:
    of, whose = (labels, "the training split") if len(labels) else (cases.positive, "these cases")
    share = float(of.mean())
    constant = np.full(len(cases), share)
    note = f"Every case gets {share:.3f}, the prevalence of {whose} (n = {len(of):,})."
    return _Guess(constant, constant, note)


def _guess(
    cases: Cases, columns: Sequence[Column], labels: Flags, records: Sequence[Record], seed: int
) -> _Guess | str:
    table = np.stack([column.values for column in columns], axis=1)
    categorical = [column.categorical for column in columns]
    names = np.array([record.group for record in records], dtype=str)
    groups = np.unique(names, return_inverse=True)[1]
    count = len(labels)
    if _enough(labels, groups[:count]):
        probability = probabilities(table[:count], labels, table[count:], categorical)
        note = f"Trained on the training split (n = {count:,}, {labels.sum():,} positive)."
        return _Guess(probability, probability, note)
    own, of, positive = table[count:], groups[count:], cases.positive
    if not _enough(positive, of):
        return (
            f"Not computed: {FEWEST} cases in {FEWEST_GROUPS} groups are needed of each class, in "
            "the training split or here."
        )
    probability, ranking = np.zeros(len(cases)), np.zeros(len(cases))
    folds = held_out(positive, of, FOLDS, seed)
    for fold in range(FOLDS):
        out = folds == fold
        probability[out] = probabilities(own[~out], positive[~out], own[out], categorical)
        ranking[out] = mid_ranks(probability[out])
    note = (
        f"Cross-validated over {FOLDS} folds of these cases; cases are ranked within their fold, "
        "since models of different folds are not on one scale."
    )
    return _Guess(probability, ranking, note)


def _enough(positive: Flags, groups: NDArray[np.integer]) -> bool:
    return all(
        (positive == label).sum() >= FEWEST
        and len(np.unique(groups[positive == label])) >= FEWEST_GROUPS
        for label in (True, False)
    )


def _result(cases: Cases, guess: _Guess | str, samples: int, seed: int) -> dict[str, Any]:
    if isinstance(guess, str):
        return {"figures": dict.fromkeys(_FIGURES), "note": guess}
    ranking = Ranking(guess.ranking, cases.positive)
    squared = (guess.probability - cases.positive) ** 2
    right = (guess.probability >= THRESHOLD) == cases.positive
    means = np.stack([squared, right], axis=1)

    def measure(counts: Floats) -> dict[str, Floats]:
        auroc, average_precision = ranking.measure(counts)
        brier, accuracy = (counts @ means).T / counts.sum(axis=1)
        return {
            "auroc": auroc,
            "average_precision": average_precision,
            "brier": brier,
            "accuracy": accuracy,
        }

    rests = dict.fromkeys(_FIGURES, len(cases))
    figures = estimate(measure, cases.clusters, samples, seed, rests)
    return {"figures": figures, "note": guess.note}
