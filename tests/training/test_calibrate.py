"""Calibration and operating points, against known answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.reading.calibration import Calibration
from fractura.reading.decode import NO_BOX
from fractura.training.calibrate import (
    UNREACHABLE_SCORE,
    any_hit,
    calibrate_classes,
    calibrate_fractures,
    choose_operating_points,
)
from fractura.training.tasks.adapter import UncalibratedPrediction

Array = NDArray[np.float64]
BOX = np.array([[0, 0, 10, 10]], np.float32)
NOTHING = np.zeros((0, 4), np.float32)


def raw(logits: Array, boxes: Sequence[float] = (), true: bool = False) -> UncalibratedPrediction:
    place = BOX + 50
    return UncalibratedPrediction(
        0, logits, np.repeat(place, len(boxes), 0), np.array(boxes), BOX if true else NOTHING
    )


def test_platt_finds_the_weights_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, 40_000)
    labels = random.random(40_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    raws = [raw(np.array([0.25, logit + 0.25])) for logit in logits]
    found = calibrate_fractures(raws, labels, boxes=False)
    assert (found.image_weight, found.image_bias) == pytest.approx((0.5, -1), abs=0.05)
    assert (found.box_weight, found.box_bias) == (1.0, 0.0)


def test_temperature_finds_the_one_that_made_the_labels() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, (20_000, 3))
    share = np.exp(logits / 2.5)
    share /= share.sum(1, keepdims=True)
    truth = (random.random(20_000)[:, None] > share.cumsum(1)).sum(1).clip(max=2)
    found = calibrate_classes([raw(row) for row in logits], truth)
    assert 1 / found.image_weight == pytest.approx(2.5, rel=0.05)


def test_one_class_cannot_be_calibrated() -> None:
    raws = [raw(np.array([0, 1.0]), [1.0], true=True), raw(np.array([0, -1.0]))]
    with pytest.raises(FracturaError, match="needs fractured and normal"):
        calibrate_fractures(raws, np.array([True, True]), boxes=False)


@pytest.mark.parametrize(
    ("boxes", "threshold"), [([], UNREACHABLE_SCORE), ([1.0, -2.0], 0.7311)], ids=["silent", "off"]
)
def test_boxes_that_hit_nothing_keep_their_scores(boxes: list[float], threshold: float) -> None:
    random = np.random.default_rng(3)
    fractured = np.arange(60) % 2 == 1
    logits = random.normal(fractured) if boxes else np.full(60, NO_BOX)
    raws = [
        raw(np.array([0.0, logit]), boxes, one)
        for logit, one in zip(logits, fractured, strict=True)
    ]
    assert not any_hit(raws)
    found = calibrate_fractures(raws, fractured, boxes=True)
    of_image = calibrate_fractures(raws, fractured, boxes=False)
    assert found == of_image
    assert (found.box_weight, found.box_bias) == (1.0, 0.0)
    points, _ = choose_operating_points(raws, fractured, found)
    for point in (points.high_sensitivity, points.high_specificity):
        assert point.box_score == pytest.approx(threshold, abs=1e-6)


def test_thresholds_keep_their_promise() -> None:
    random = np.random.default_rng(1)
    logits = random.normal(0, 2, 500)
    fractured = random.random(500) < 1 / (1 + np.exp(-logits))
    raws = [raw(np.array([0.0, logit])) for logit in logits]
    calibration = Calibration(1.0, 0.0, 1.0, 0.0)
    points, guarantee = choose_operating_points(raws, fractured, calibration)
    probability = 1 / (1 + np.exp(-logits))
    ones, zeros = np.sort(probability[fractured]), np.sort(probability[~fractured])
    missed = int(0.10 * (len(ones) + 1))
    allowed = int(0.03 * (len(zeros) + 1))
    assert points.high_sensitivity.probability == np.floor(ones[missed - 1] * 1e4) / 1e4
    assert (zeros >= points.high_specificity.probability).sum() == allowed - 1
    assert (guarantee.missed, guarantee.false_alarm) == (0.10, 0.03)
    assert (guarantee.fractured, guarantee.normal) == (len(ones), len(zeros))
    assert "10% of fractures" in guarantee.sentence()


def test_a_few_cases_promise_nothing() -> None:
    raws = [raw(np.array([0.0, logit])) for logit in (-1.0, 0.0, 1.0, 2.0)]
    labels = np.array([False, False, True, True])
    points, _ = choose_operating_points(raws, labels, Calibration(1.0, 0.0, 1.0, 0.0))
    assert points.decide(0.0001) == points.decide(1.0) == "uncertain"


def test_boxes_bring_as_many_false_alarms_as_asked() -> None:
    random = np.random.default_rng(2)
    scores = [np.sort(random.normal(0, 1, 3))[::-1] for _ in range(100)]
    raws = [
        raw(np.array([0.0, 2.0 if index % 2 else -2.0]), list(one), bool(index % 2))
        for index, one in enumerate(scores)
    ]
    fractured = np.arange(100) % 2 == 1
    calibration = Calibration(1.0, 0.0, 1.0, 0.0)
    points, _ = choose_operating_points(raws, fractured, calibration)
    wrong = calibration.box_scores(np.concatenate(scores).astype(np.float32))
    for point, rate in ((points.high_sensitivity, 0.5), (points.high_specificity, 0.1)):
        assert (wrong >= point.box_score).sum() / len(raws) == pytest.approx(rate, abs=0.011)
    silent = [raw(np.array([0.0, 1.0]), true=True), raw(np.array([0.0, -1.0]))]
    quiet, _ = choose_operating_points(silent, np.array([True, False]), calibration)
    assert quiet.high_sensitivity.box_score == UNREACHABLE_SCORE
