"""Test-time augmentation, exact for readers whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fractura.evaluation.stress.reread import StressedReading
from fractura.evaluation.stress.tta import VIEWS, augmented, merged_boxes
from fractura.evaluation.stress.views import mirrored, unmoved
from fractura.findings import Reading
from fractura.imaging.radiograph import Radiograph
from tests.evaluation.stress.spots import read_spot, spot_cases

SPOTS = [(20, 20, 50, 50), None, (60, 30, 90, 60), None]


def said(boxes: list[list[float]], scores: list[float]) -> StressedReading:
    corners = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return StressedReading(0.5, "uncertain", corners, np.array(scores, dtype=np.float64))


def test_boxes_of_two_views() -> None:
    pixels = np.zeros((100, 100), np.float32)
    views = [unmoved(pixels), mirrored(pixels)]
    answers = [
        said([[10, 10, 30, 30], [11, 10, 31, 30]], [0.8, 0.6]),
        said([[66, 10, 86, 30], [5, 60, 25, 80]], [0.4, 0.3]),
    ]
    boxes, scores = merged_boxes(answers, views)
    # The second box of the first view may not join the first, so it stands alone.
    np.testing.assert_allclose(scores, [0.6, 0.3, 0.15])
    joined = (0.8 * np.array([10, 10, 30, 30]) + 0.4 * np.array([14, 10, 34, 30])) / 1.2
    np.testing.assert_allclose(boxes, [joined, [11, 10, 31, 30], [75, 60, 95, 80]])


def test_no_boxes() -> None:
    boxes, scores = merged_boxes([said([], [])], [unmoved(np.zeros((9, 9), np.float32))])
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_steady_reader_gains_nothing(tmp_path: Path) -> None:
    found = augmented(spot_cases(tmp_path, SPOTS), read_spot, samples=50, workers=2)
    values = {name: one["value"] for name, one in found["figures"].items()}
    assert found["views"] == len(VIEWS) == 8
    assert values["auroc"] == 1
    assert values["auroc_gain"] == 0
    assert values["ap50"] == pytest.approx(1)
    assert values["ap50_gain"] == 0
    assert values["spread_auroc_of_errors"] is None
    assert "0 of 4 radiographs are called wrong at 0.5." in found["notes"]


def test_views_rescue_a_reader_that_errs_on_the_plain_one(tmp_path: Path) -> None:
    """It is certain of the wrong answer at first, and right about every other view."""
    cases = spot_cases(tmp_path, SPOTS)
    calls: dict[str, int] = {}

    def read(radiograph: Radiograph) -> Reading:
        reading = read_spot(radiograph)
        calls[radiograph.sha256] = calls.get(radiograph.sha256, 0) + 1
        right = float(reading.probability > 0.6)
        return replace(reading, probability=1 - right if calls[radiograph.sha256] == 1 else right)

    # Radiographs without a spot are one file, so only those with one are told apart by SHA-256.
    figures = augmented(cases.of(np.array([0, 1, 2])), read, samples=50)["figures"]
    assert figures["auroc"]["value"] == 1
    assert figures["auroc_gain"]["value"] == 1


def test_spread_finds_the_errors(tmp_path: Path) -> None:
    """The wrongly called radiograph is the one on which views disagree most."""
    cases = spot_cases(tmp_path, [*SPOTS, (30, 20, 80, 70)])
    cases.positive[4] = False

    def read(radiograph: Radiograph) -> Reading:
        reading = read_spot(radiograph)
        large = bool(reading.findings) and reading.findings[0].box.width > 40
        noise = np.random.default_rng(int(radiograph.pixels.sum() * 1000)).uniform(0.6, 1)
        return replace(reading, probability=noise if large else reading.probability > 0.6)

    figures = augmented(cases, read, samples=50)["figures"]
    assert figures["spread_auroc_of_errors"]["value"] == 1
    assert figures["doubt_auroc_of_errors"]["value"] == 1
