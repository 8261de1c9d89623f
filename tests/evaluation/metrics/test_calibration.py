"""Calibration: hand-worked and published values, independent fits, sums that must add up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression

from fractura.evaluation.interval import Estimate, bootstrap_counts
from fractura.evaluation.metrics.calibration import (
    basic,
    calibration,
    cox,
    log_odds,
    share_interval,
)
from tests.evaluation.metrics.simulated import cases_of, draw, draw_clustered, values

PARTS = ("reliability", "resolution", "uncertainty", "within_bins", "brier")


def test_a_decomposition_worked_by_hand() -> None:
    """Five forecasts of 0.2 with one event, five of 0.8 with three."""
    cases = cases_of([1, 0, 0, 0, 0, 1, 1, 1, 0, 0], [0.2] * 5 + [0.8] * 5)
    found = calibration(cases, samples=50)
    figures = {name: one["value"] for name, one in found["figures"].items()}
    assert figures == pytest.approx(
        {
            "calibration_error": 0.1,
            "calibration_error_equal_mass": 0.1,
            "brier": 0.22,
            "reliability": 0.02,
            "resolution": 0.04,
            "uncertainty": 0.24,
            "within_bins": 0.0,
            "intercept": figures["intercept"],
            "slope": (np.log(0.25) - np.log(1.5)) / (np.log(0.25) - np.log(4)),
        }
    )
    low, high = found["bins"]
    assert (low["low"], low["high"], low["n"]) == (0.2, 0.3, 5)
    assert (low["mean"], low["share"]) == pytest.approx((0.2, 0.2))
    assert (high["low"], high["mean"], high["share"]) == pytest.approx((0.8, 0.8, 0.6))


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 9)), min_size=1, max_size=60)
)
def test_parts_add_up_and_everything_is_json(rows: list[tuple[bool, float, int]]) -> None:
    positive, probability, clusters = map(np.array, zip(*rows, strict=True))
    found = calibration(cases_of(positive, probability, clusters), samples=10)
    json.dumps(found, allow_nan=False)
    reliability, resolution, uncertainty, within, brier = values(found["figures"], PARTS)
    assert reliability - resolution + uncertainty + within == pytest.approx(brier, abs=1e-12)
    assert min(reliability, resolution, uncertainty) >= 0
    assert sum(one["n"] for one in found["bins"]) == len(rows)
    for one in found["bins"]:
        assert 0 <= one["share_low"] <= one["share"] + 1e-9
        assert one["share"] - 1e-9 <= one["share_high"] <= 1


def test_bins_equal_scikit_learn() -> None:
    cases = draw(5, 500)
    found = calibration(cases, samples=2)
    share, mean = calibration_curve(cases.positive, cases.probability, n_bins=10)
    assert [one["share"] for one in found["bins"]] == pytest.approx(share.tolist())
    assert [one["mean"] for one in found["bins"]] == pytest.approx(mean.tolist())
    share, mean = calibration_curve(
        cases.positive, cases.probability, n_bins=10, strategy="quantile"
    )
    error = found["figures"]["calibration_error_equal_mass"]["value"]
    assert error == pytest.approx(np.abs(share - mean).mean())


def test_intercept_and_slope_equal_independent_fits() -> None:
    cases = draw(2, 300, slope=0.6)
    logits, (counts,) = log_odds(cases.probability), bootstrap_counts(cases.clusters, samples=6)
    both = cox(logits, cases.positive, counts)
    alone = cox(logits, cases.positive, counts, slope=False)
    for count, (intercept, slope), (large, one) in zip(counts, both, alone, strict=True):
        fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(logits[:, None], cases.positive, count)
        assert (intercept, slope) == pytest.approx(
            (fitted.intercept_[0], fitted.coef_[0, 0]), abs=1e-5
        )

        def gap(shift: float, count: np.ndarray = count) -> float:
            return float(count @ (cases.positive - 1 / (1 + np.exp(-logits - shift))))

        assert (large, one) == pytest.approx((brentq(gap, -5, 5), 1.0), abs=1e-6)


def test_slope_tells_overconfidence() -> None:
    figures = calibration(draw(0, 5000, slope=0.5), samples=100)["figures"]
    assert figures["slope"]["low"] <= 0.5 <= figures["slope"]["high"]
    assert figures["slope"]["high"] < 0.6


@pytest.mark.parametrize(
    ("positive", "probability", "sentence"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.3], "All cases are of one class"),
        ([0, 1, 0, 1], [0.4, 0.4, 0.4, 0.4], "All probabilities are equal"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], "The probabilities separate the classes"),
        ([0, 1, 1, 0], [0.0, 0.2, 0.3, 1.0], "2 probabilities so near 0 or 1"),
    ],
)
def test_edges_are_told(positive: list[int], probability: list[float], sentence: str) -> None:
    found = calibration(cases_of(positive, probability), samples=50)
    json.dumps(found, allow_nan=False)
    assert any(note.startswith(sentence) for note in found["notes"])
    slope = found["figures"]["slope"]["value"]
    assert (slope is None) == ("so near" not in sentence)


@pytest.mark.parametrize(
    ("events", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_shares_of_a_published_table(events: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Stat. Med. 17(8), 857-872, table I, method 3."""
    positive = (np.arange(n) < events).astype(float)
    assert share_interval(positive, np.arange(n)) == pytest.approx((low, high), abs=5e-5)


def test_cases_that_come_together_tell_less() -> None:
    """Copies of cases, each beside its own, change nothing."""
    positive = (np.arange(40) < 10).astype(float)
    alone = share_interval(positive, np.arange(40))
    copied = share_interval(np.repeat(positive, 5), np.repeat(np.arange(40), 5))
    assert copied == pytest.approx(alone, abs=0.005)
    nothing = share_interval(np.zeros(50), np.repeat(np.arange(10), 5))
    assert nothing == share_interval(np.zeros(10), np.arange(10))


def test_basic_interval_is_the_percentile_one_turned_round() -> None:
    plain = basic(Estimate(0.3, 0.28, 0.4), 1)
    assert (plain.value, plain.low, plain.high) == pytest.approx((0.3, 0.2, 0.32))
    squared = basic(Estimate(0.5, 0.4, 0.6))
    assert (squared.value, squared.low, squared.high) == pytest.approx(
        (0.5, np.sqrt(0.14), np.sqrt(0.34))
    )
    assert basic(Estimate(0.03, 0.04, 0.08), 1) == Estimate(0.03, 0.0, 0.03)
    assert np.isnan(basic(Estimate(0.03, np.nan, np.nan)).low)


def test_intervals_of_calibrated_probabilities_reach_no_error() -> None:
    """The percentile interval of a calibration error holds 0 never."""
    names = ("calibration_error", "calibration_error_equal_mass", "reliability")
    held = np.zeros(3)
    for seed in range(30):
        figures = calibration(draw(seed, 300), samples=200)["figures"]
        held += [figures[name]["low"] == 0 for name in names]
    assert (held >= 27).all()


@given(seed=st.integers(0, 100))
@settings(max_examples=5)
def test_clusters_widen_intervals(seed: int) -> None:
    cases = draw_clustered(np.random.default_rng(seed), 80)
    together = calibration(cases, samples=300)["figures"]["brier"]
    alone = calibration(cases_of(cases.positive, cases.probability), samples=300)["figures"][
        "brier"
    ]
    assert together["high"] - together["low"] > 0.8 * (alone["high"] - alone["low"])
