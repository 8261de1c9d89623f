"""Recalibration: independent fits, what cross-fitting tells, and what goes into files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

from fractura.errors import FracturaError, ModelError
from fractura.evaluation.calibrate import (
    Method,
    Recalibration,
    calibrate,
    cross_fitted,
    fit_recalibration,
    recalibrated,
    recalibrated_description,
    write_probabilities,
    write_recalibrated_model,
)
from fractura.evaluation.metrics.calibration import log_odds
from fractura.evaluation.metrics.points import promised
from fractura.evaluation.predictions.read import read_predictions_of
from fractura.reading.calibration import sigmoid
from fractura.reading.model import Model
from fractura.reading.trained_on import KEY, pack, trained_on
from tests.evaluation.metrics.simulated import cases_of, draw

METHODS: tuple[Method, ...] = ("platt", "temperature", "isotonic")


def test_platt_equals_scikit_learn() -> None:
    """Its own fit takes scores and gives 1 / (1 + exp(a score + b)), with Platt's targets."""
    cases = draw(4, 150, slope=0.6)
    fitted = fit_recalibration("platt", cases.probability, cases.positive)
    a, b = _sigmoid_calibration(log_odds(cases.probability), cases.positive.astype(float))
    assert (fitted.weight, fitted.bias) == pytest.approx((-a, -b), abs=1e-3)


def test_temperature_is_the_inverse_slope_it_was_made_with() -> None:
    cases = draw(0, 20_000, slope=0.5)
    fitted = fit_recalibration("temperature", cases.probability, cases.positive)
    assert fitted.weight == pytest.approx(0.5, abs=0.03)
    assert fitted.bias == 0


def test_isotonic_equals_scikit_learn_between_its_bounds() -> None:
    cases = draw(1, 300)
    fitted = fit_recalibration("isotonic", cases.probability, cases.positive)
    reference = IsotonicRegression(out_of_bounds="clip").fit(cases.probability, cases.positive)
    ones = int(cases.positive.sum())
    bounds = (1 / (300 - ones + 2), (ones + 1) / (ones + 2))
    asked = cases.probability
    assert fitted.apply(asked) == pytest.approx(np.clip(reference.predict(asked), *bounds))


def test_what_is_calibrated_stays() -> None:
    cases = draw(2, 20_000)
    for method in METHODS:
        fitted = fit_recalibration(method, cases.probability, cases.positive)
        assert np.abs(fitted.apply(cases.probability) - cases.probability).mean() < 0.015


@given(seed=st.integers(0, 1000), method=st.sampled_from(METHODS))
@settings(max_examples=30)
def test_rising_and_inside_0_and_1(seed: int, method: Method) -> None:
    cases = draw(seed, 60, slope=0.4)
    better = fit_recalibration(method, cases.probability, cases.positive).apply(
        np.linspace(0, 1, 50)
    )
    assert (np.diff(better) >= 0).all()
    assert (better > 0).all()
    assert (better < 1).all()


def test_overconfident_answers_get_better_on_cases_not_fitted() -> None:
    cases = draw(3, 1500, slope=0.4, clusters=300)
    for method in METHODS:
        _, content = calibrate(cases, method, samples=200)
        figures = content["figures"]
        for name in ("calibration_error", "brier", "log_loss"):
            change = figures["change"][name]
            assert change["high"] < 0
            assert change["value"] == pytest.approx(
                figures["after"][name]["value"] - figures["before"][name]["value"]
            )
        assert content["notes"] == []
        json.dumps(content, allow_nan=False)


def test_cross_fitting_keeps_clusters_together_and_tells_chance_from_gain() -> None:
    """Labels by lot, alike within a cluster: fitted on itself isotonic regression seems to gain."""
    random = np.random.default_rng(0)
    clusters = np.repeat(np.arange(40), 5)
    positive = np.repeat(random.random(40) < 0.5, 5)
    cases = cases_of(positive, np.repeat(random.random(40), 5), clusters)
    fitted = fit_recalibration("isotonic", cases.probability, positive)
    honest = cross_fitted("isotonic", cases)
    assert honest is not None

    def brier(probability: np.ndarray) -> float:
        return float(((probability - positive) ** 2).mean())

    assert brier(fitted.apply(cases.probability)) < 0.245 < 0.249 < brier(honest)
    inside = cases.of(np.arange(0, 200, 5))
    changed = recalibrated(cases.of(np.arange(100)), inside, fitted)
    shared = recalibrated(inside, inside, fitted)
    assert changed[::5].tolist() == shared[:20].tolist()
    assert changed[1] == fitted.apply(cases.probability)[1]


def test_few_cases_are_told() -> None:
    _, content = calibrate(draw(0, 80), "isotonic", samples=20)
    assert [note[:14] for note in content["notes"]] == ["Only 37 cases ", "80 cases are f"]
    one_cluster = cases_of([1, 1, 0, 0], [0.8, 0.4, 0.5, 0.1], [0, 0, 1, 1])
    _, content = calibrate(one_cluster, "temperature", samples=20)
    assert content["figures"]["after"] is content["figures"]["change"] is None
    assert "cannot be told" in content["notes"][-1]


def test_what_cannot_be_fitted() -> None:
    with pytest.raises(FracturaError, match="cases of both classes"):
        calibrate(cases_of([1, 1], [0.2, 0.3]), "platt")
    for probability in ([0.9, 0.8, 0.2, 0.1], [0.5] * 4):
        with pytest.raises(FracturaError, match="do not rise"):
            fit_recalibration("platt", np.array(probability), np.array([False, False, True, True]))


def test_the_model_file_gives_the_recalibrated_probability(tmp_path: Path) -> None:
    description = Model("fractura-s", 1).description
    description = replace(description, provenance={KEY: pack(["other/1"]), "seed": 7})
    cases = draw(6, 400)
    fitted = Recalibration("platt", 0.7, -0.3)
    changed = recalibrated_description(description, cases, fitted, {"cases": 400})
    write_recalibrated_model("fractura-s", changed, tmp_path / "site.onnx")
    stored = Model(tmp_path / "site.onnx", 1).description
    assert stored == changed
    assert stored.version == f"{description.version}+platt"
    assert stored.provenance["seed"] == 7
    assert stored.provenance["recalibrated"] == {"cases": 400}
    assert trained_on(stored.provenance) == {"other/1", *cases.ids}
    for logit in (-6.0, -1.0, 0.5, 4.0):
        before = description.calibration.probability(logit)
        after = stored.calibration.probability(logit)
        assert after == pytest.approx(sigmoid(0.7 * log_odds(np.array([before]))[0] - 0.3))
    better = replace(cases, probability=fitted.apply(cases.probability))
    points, guarantee = stored.operating_points, stored.guarantee
    low, high, expected = promised(better.probability, better.positive, "the site's own cases")
    assert (points.high_sensitivity.probability, points.high_specificity.probability) == (low, high)
    assert guarantee == expected
    assert guarantee.fractured == better.positive.sum()
    assert (better.probability[cases.positive] >= points.high_sensitivity.probability).mean() >= 0.9
    assert (
        better.probability[~cases.positive] < points.high_specificity.probability
    ).mean() >= 0.95
    for old, new in (
        (description.operating_points.high_sensitivity, points.high_sensitivity),
        (description.operating_points.high_specificity, points.high_specificity),
    ):
        assert old.box_score == new.box_score
    isotonic = fit_recalibration("isotonic", cases.probability, cases.positive)
    with pytest.raises(ModelError, match="cannot be stored"):
        recalibrated_description(description, cases, isotonic, {})


def test_the_table_is_read_as_answers(tmp_path: Path) -> None:
    cases = draw(0, 20)
    write_probabilities(tmp_path / "better.csv", cases, cases.probability, "platt")
    answers = read_predictions_of(tmp_path / "better.csv", cases.records)
    assert answers.cases.ids == cases.ids
    assert answers.cases.model == "made up 1+platt"
    assert answers.cases.probability == pytest.approx(cases.probability, rel=1e-5)
