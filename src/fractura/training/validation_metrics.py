"""Figures that are watched while a model trains; the scorecard has them with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    roc_auc_score,
)

from fractura.datasets.record import Record
from fractura.datasets.target import BOXES, target_of
from fractura.evaluation.detection import Matches, match, pooled_average_precision
from fractura.reading.calibration import softmax
from fractura.training.recipe import Task
from fractura.training.tasks.adapter import NO_BOXES, NO_LOGITS, UncalibratedPrediction

UNKNOWN = -1


def probabilities(predictions: Sequence[UncalibratedPrediction]) -> NDArray[np.float64]:
    """Softmax of the logits, ``[n, C]``."""
    return softmax(np.stack([prediction.logits for prediction in predictions]))


def true_classes(
    records: Sequence[Record], task: Task, classes: Sequence[str]
) -> NDArray[np.int64]:
    """Index of each record's class, ``[n]``; :data:`UNKNOWN` where it tells none."""
    places = {name: index for index, name in enumerate(classes)}
    return np.array([places.get(str(target_of(record, task)), UNKNOWN) for record in records])


def box_matches(
    predictions: Sequence[UncalibratedPrediction], threshold: float = 0.5
) -> list[Matches]:
    """Each radiograph's boxes against the true ones."""
    return [
        match(prediction.boxes, prediction.box_logits, prediction.truths, threshold)
        for prediction in predictions
    ]


def figure_names(records: Sequence[Record], task: Task, classes: Sequence[str]) -> list[str]:
    """Names of the figures that these radiographs define, whatever a network says of them."""
    silent = [
        UncalibratedPrediction(
            index,
            np.zeros(len(classes)),
            NO_BOXES,
            NO_LOGITS,
            np.array([mark.box.as_list() for mark in record.fractures], np.float32).reshape(-1, 4),
        )
        for index, record in enumerate(records)
    ]
    return list(figures(silent, records, task, classes))


def figures(
    predictions: Sequence[UncalibratedPrediction],
    records: Sequence[Record],
    task: Task,
    classes: Sequence[str],
) -> dict[str, float]:
    """Point values; those that one class alone does not define are left out."""
    share = probabilities(predictions)
    truth = true_classes(records, task, classes)
    called = share.argmax(1)
    likelihood = share[np.arange(len(truth)), truth]
    values = {
        "loss": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "accuracy": float((called == truth).mean()),
    }
    several = len(np.unique(truth)) > 1
    if len(classes) > 2:
        values["macro_f1"] = float(f1_score(truth, called, average="macro", zero_division=0))
    if several:
        values["balanced_accuracy"] = float(balanced_accuracy_score(truth, called))
    if len(classes) == 2 and several:
        score = np.array(
            [prediction.logits[1] - prediction.logits[0] for prediction in predictions]
        )
        values["auroc"] = float(roc_auc_score(truth, score))
        values["average_precision"] = float(average_precision_score(truth, score))
    if task in BOXES:
        # Where a fracture is not marked, no box can be called wrong.
        matches = [
            item
            for item, record in zip(box_matches(predictions), records, strict=True)
            if record.fractures or not record.fractured
        ]
        marked = [
            bool(record.fractures) for record in records if record.fractures or not record.fractured
        ]
        fractured = [item for item, one in zip(matches, marked, strict=True) if one]
        if any(item.truths for item in matches):
            values["ap50"] = pooled_average_precision(matches)
            values["ap50_fractured"] = pooled_average_precision(fractured)
    return values
