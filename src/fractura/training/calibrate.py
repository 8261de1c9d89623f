"""Fit calibration and operating points on images that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fractura.errors import FracturaError
from fractura.evaluation.detection import Matches, match
from fractura.models.network import FractureNetwork
from fractura.reading.calibration import Calibration, OperatingPoint, OperatingPoints
from fractura.reading.decode import decode
from fractura.training.data import Whole

SENSITIVITY = 0.90
SPECIFICITY = 0.95
FALSE_BOXES_HIGH_SENSITIVITY = 0.5
FALSE_BOXES_HIGH_SPECIFICITY = 0.1


@dataclass(frozen=True, eq=False)
class Outputs:
    """Raw outputs on ``n`` radiographs: logits ``[n]``, truth ``[n]``, matched boxes.

    ``best_box`` is the logit of each radiograph's best box.
    """

    image: NDArray[np.float64]
    best_box: NDArray[np.float64]
    fractured: NDArray[np.bool_]
    matches: list[Matches]


@torch.no_grad()
def run_network(network: FractureNetwork, wholes: Sequence[Whole]) -> Outputs:
    """Raw image logits and matched boxes of every radiograph."""
    image, best, matches = [], [], []
    for whole in wholes:
        output = network(whole.image)
        found = decode(output.scores[0].numpy(), output.boxes[0].numpy())
        image.append(float(output.image))
        best.append(float(found.logits[0]))
        matches.append(match(found.boxes, found.logits, whole.boxes))
    truth = np.array([whole.fractured for whole in wholes])
    return Outputs(np.array(image), np.array(best), truth, matches)


def calibrate(outputs: Outputs) -> Calibration:
    """Logistic regressions of the labels on the logits (Platt 1999).

    Raises:
        FracturaError: the images are of one class only, or no box on them hits a fracture.
    """
    logits = np.concatenate([item.scores for item in outputs.matches])
    hits = np.concatenate([item.hits for item in outputs.matches])
    if outputs.fractured.all() or not outputs.fractured.any():
        raise FracturaError("calibration needs fractured and normal images; take other ones")
    if not hits.any():
        raise FracturaError("no box on the calibration images hits a fracture; train longer")
    image_weight, image_bias = fit_logistic(outputs.image, outputs.fractured)
    box_weight, box_bias = fit_logistic(logits, hits)
    return Calibration(image_weight, image_bias, box_weight, box_bias)


def fit_logistic(logits: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, float]:
    """Weight and bias that turn logits into the log-odds of being positive."""
    model = LogisticRegression(C=1e6).fit(logits[:, None], positive)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def probability_thresholds(
    probability: NDArray[np.float64], fractured: NDArray[np.bool_]
) -> tuple[float, float]:
    """Probabilities from which a reading is suspicious, and from which it is definite.

    At least 90 % of the fractured images reach the first; fewer than 5 % of the normal ones reach
    the second, which is never below the first. Both are rounded to four decimals on the safe side.
    """
    suspicious = float(np.quantile(probability[fractured], 1 - SENSITIVITY, method="lower"))
    definite = float(np.quantile(probability[~fractured], SPECIFICITY, method="higher"))
    suspicious = float(np.floor(suspicious * 1e4) / 1e4)
    return suspicious, max(suspicious, float(np.floor(definite * 1e4) / 1e4 + 1e-4))


def choose_operating_points(outputs: Outputs, calibration: Calibration) -> OperatingPoints:
    """Thresholds on the image by :func:`probability_thresholds`, on the boxes by false alarms.

    Boxes at the high-sensitivity point bring half a false box an image, at the high-specificity
    point a tenth, normal images counted.
    """
    probability = np.array([calibration.probability(logit) for logit in outputs.image])
    suspicious, definite = probability_thresholds(probability, outputs.fractured)
    return OperatingPoints(
        OperatingPoint(
            suspicious, _box_threshold(outputs, calibration, FALSE_BOXES_HIGH_SENSITIVITY)
        ),
        OperatingPoint(
            definite, _box_threshold(outputs, calibration, FALSE_BOXES_HIGH_SPECIFICITY)
        ),
    )


def _box_threshold(outputs: Outputs, calibration: Calibration, rate: float) -> float:
    """The score at which boxes that hit nothing appear ``rate`` times an image."""
    wrong = np.concatenate([item.scores[~item.hits] for item in outputs.matches])
    scores = np.sort(calibration.box_scores(wrong.astype(np.float32)))[::-1]
    threshold = scores[min(len(scores) - 1, round(rate * len(outputs.matches)))]
    return float(np.ceil(threshold * 1e4) / 1e4)
