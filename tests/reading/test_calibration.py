"""Probabilities and decisions."""

from __future__ import annotations

import numpy as np
import pytest

from fractura.findings import Box, Finding
from fractura.reading.calibration import Calibration, OperatingPoint, OperatingPoints, sigmoid

POINTS = OperatingPoints(OperatingPoint(0.2, 0.05), OperatingPoint(0.7, 0.3))


def test_probability_is_the_logistic_of_the_weighted_logits() -> None:
    calibration = Calibration(2.0, -1.0, 1.0, 0.0)
    assert calibration.probability(1.5) == pytest.approx(1 / (1 + np.exp(-2.0)))
    np.testing.assert_allclose(
        calibration.box_scores(np.array([-2.0, 0.0, 3.0], np.float32)),
        1 / (1 + np.exp([2.0, 0.0, -3.0])),
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("probability", "decision"),
    [
        (0.0, "no fracture"), (0.19999, "no fracture"), (0.2, "uncertain"),
        (0.69999, "uncertain"), (0.7, "fracture"), (1.0, "fracture"),
    ],
)  # fmt: skip
def test_thresholds_belong_to_the_graver_decision(probability: float, decision: str) -> None:
    assert POINTS.decide(probability) == decision


def test_huge_logits_do_not_overflow() -> None:
    assert sigmoid(1e9) == 1.0
    assert sigmoid(-1e9) == 0.0


def test_findings_are_listed_from_the_high_sensitivity_point_on() -> None:
    findings = tuple(Finding("fracture", score, Box(0, 0, 9, 9)) for score in (0.5, 0.05, 0.04))
    assert POINTS.listed("fracture", findings) == findings[:2]
    assert POINTS.listed("uncertain", findings) == findings[:2]
    assert POINTS.listed("no fracture", findings) == ()
