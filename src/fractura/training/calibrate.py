"""Fit calibration and operating points on images that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from fractura.errors import FracturaError
from fractura.evaluation.detection import Matches
from fractura.evaluation.metrics.points import promised
from fractura.reading.calibration import (
    Calibration,
    ConformalGuarantee,
    OperatingPoint,
    OperatingPoints,
)
from fractura.training.tasks.adapter import UncalibratedPrediction
from fractura.training.validation_metrics import box_matches, probabilities

FALSE_BOXES_HIGH_SENSITIVITY = 0.5
FALSE_BOXES_HIGH_SPECIFICITY = 0.1
UNREACHABLE_SCORE = 1.0
"""Threshold on boxes of a model that finds none."""

Logits = NDArray[np.float64]
Labels = NDArray[np.bool_]


class CalibrationError(FracturaError):
    """The radiographs do not allow to calibrate."""


def calibrate_fractures(
    predictions: Sequence[UncalibratedPrediction], fractured: Labels, boxes: bool
) -> Calibration:
    """Logistic regressions of the labels on the logits (Platt 1999).

    Where no box hits a fracture, boxes keep the scores that the network gave them.

    Args:
        predictions: answers to ``n`` radiographs.
        fractured: ``[n]``.
        boxes: whether the network finds boxes.

    Raises:
        CalibrationError: the images are of one class only.
    """
    if fractured.all() or not fractured.any():
        raise CalibrationError("calibration needs fractured and normal images; take other ones")
    weight, bias = fit_logistic(image_logits(predictions), fractured)
    matches = box_matches(predictions) if boxes else []
    if not any(item.hits.any() for item in matches):
        return Calibration(weight, bias, 1.0, 0.0)
    hits = np.concatenate([item.hits for item in matches])
    logits = np.concatenate([item.scores for item in matches])
    return Calibration(weight, bias, *fit_logistic(logits, hits))


def any_hit(predictions: Sequence[UncalibratedPrediction]) -> bool:
    """Whether a box hits a fracture."""
    return any(item.hits.any() for item in box_matches(predictions))


def calibrate_classes(
    predictions: Sequence[UncalibratedPrediction], truth: NDArray[np.int64]
) -> Calibration:
    """One temperature for all classes, as ``image_weight`` = 1 / T.

    It minimises the log loss on the true classes ``[n]`` (Guo et al. 2017, arXiv 1706.04599).
    """

    def loss(log_weight: float) -> float:
        scaled = [
            prediction._replace(logits=prediction.logits * np.exp(log_weight))
            for prediction in predictions
        ]
        likelihood = probabilities(scaled)[np.arange(len(truth)), truth]
        return float(-np.log(np.maximum(likelihood, 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(-4, 4), method="bounded")
    return Calibration(float(np.exp(found.x)), 0.0, 1.0, 0.0)


def image_logits(predictions: Sequence[UncalibratedPrediction]) -> Logits:
    """Log-odds of the second of two classes, ``[n]``."""
    return np.array([prediction.logits[1] - prediction.logits[0] for prediction in predictions])


def fit_logistic(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Weight and bias that turn logits into the log-odds of being positive."""
    model = LogisticRegression(C=1e6).fit(logits[:, None], positive)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def choose_operating_points(
    predictions: Sequence[UncalibratedPrediction], fractured: Labels, calibration: Calibration
) -> tuple[OperatingPoints, ConformalGuarantee]:
    """Thresholds on the image by conformal triage, on the boxes by false alarms.

    A new fracture stays below the high-sensitivity point with a chance of at most 10 %, a new
    normal reaches the high-specificity point with one of at most 3 %; see
    :func:`fractura.evaluation.metrics.points.promised`. Boxes at the high-sensitivity point
    bring half a false box an image, at the high-specificity point a tenth, normal images counted.

    Args:
        predictions: answers to ``n`` radiographs that were not trained on.
        fractured: label of each, ``[n]``.
        calibration: fitted on them.
    """
    probability = np.array([calibration.probability(logit) for logit in image_logits(predictions)])
    suspicious, definite, guarantee = promised(probability, fractured, "the validation split")
    matches = box_matches(predictions)
    points = OperatingPoints(
        OperatingPoint(
            suspicious, _box_threshold(matches, calibration, FALSE_BOXES_HIGH_SENSITIVITY)
        ),
        OperatingPoint(
            definite, _box_threshold(matches, calibration, FALSE_BOXES_HIGH_SPECIFICITY)
        ),
    )
    return points, guarantee


def _box_threshold(matches: Sequence[Matches], calibration: Calibration, rate: float) -> float:
    """The score at which boxes that hit nothing appear ``rate`` times an image."""
    wrong = np.concatenate([item.scores[~item.hits] for item in matches])
    if not len(wrong):
        return UNREACHABLE_SCORE
    scores = np.sort(calibration.box_scores(wrong.astype(np.float32)))[::-1]
    threshold = scores[min(len(scores) - 1, round(rate * len(matches)))]
    return float(np.ceil(threshold * 1e4) / 1e4)
