"""Operating points: hand-worked tables, what the rules promise, and edges."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.errors import FracturaError
from fractura.evaluation.metrics.points import ABOVE_ALL, MeasuredPoint, choose, operating_points
from tests.evaluation.metrics.simulated import cases_of, draw

EIGHT = cases_of([1, 1, 1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.6, 0.2, 0.7, 0.3, 0.2, 0.1])


def test_a_table_worked_by_hand() -> None:
    (point,) = operating_points(
        EIGHT, [MeasuredPoint("mine", "youden", 0.6, "split valid")], prevalence=0.5, samples=200
    )
    assert point["confusion"] == [[3, 1], [1, 3]]
    values = {name: one["value"] for name, one in point["figures"].items()}
    three_quarters = (
        "sensitivity", "specificity", "precision", "npv", "ppv_at_prevalence",
        "npv_at_prevalence", "accuracy", "balanced_accuracy", "f1",
    )  # fmt: skip
    expected = dict.fromkeys(three_quarters, 0.75)
    assert values == pytest.approx({**expected, "kappa": 0.5, "matthews": 0.5, "flagged": 0.5})
    assert [point["figures"][name]["n"] for name in ("sensitivity", "npv", "flagged")] == [4, 4, 8]
    assert (point["rule"], point["chosen_on"], point["notes"]) == ("youden", "split valid", [])


def test_predictive_value_of_a_published_example() -> None:
    """Gigerenzer and Hoffrage 1995, Psychol. Rev. 102(4), 684-704: breast cancer in 1 % of women,
    80 % of them found, 9.6 % of the others called: 7.8 % of those called have it."""
    positive = np.repeat([True, False], [1000, 1000])
    called = np.r_[np.arange(1000) < 800, np.arange(1000) < 96]
    (point,) = operating_points(
        cases_of(positive, called), [MeasuredPoint("", "", 1.0, "")], prevalence=0.01, samples=1
    )
    assert point["figures"]["ppv_at_prevalence"]["value"] == pytest.approx(0.078, abs=5e-4)


def test_rules_worked_by_hand() -> None:
    assert choose(EIGHT, "youden") == 0.6
    assert choose(EIGHT, "cost=1") == 0.6
    assert choose(EIGHT, "cost=10") == 0.2
    assert choose(EIGHT, "cost = 0.01") == 0.8
    # Of 4 positives the lowest lies below a new one with a chance of 1 / 5.
    assert choose(EIGHT, "sensitivity>=0.8") == 0.2
    assert choose(EIGHT, "sensitivity≥0.6") == 0.6
    assert choose(EIGHT, "sensitivity>=0.81") == 0.0
    assert choose(EIGHT, "specificity>=0.8") == 0.8
    assert choose(EIGHT, "specificity>=.6") == 0.6
    assert choose(EIGHT, "specificity>=0.81") == ABOVE_ALL


@given(seed=st.integers(0, 500), rate=st.sampled_from([0.8, 0.9, 0.95]))
def test_chosen_thresholds_reach_what_was_asked(seed: int, rate: float) -> None:
    cases = draw(seed, 150)
    ones, zeros = cases.probability[cases.positive], cases.probability[~cases.positive]
    assert (ones >= choose(cases, f"sensitivity>={rate}")).mean() >= rate
    assert (zeros < choose(cases, f"specificity>={rate}")).mean() >= rate
    youden = choose(cases, "youden")
    best = (ones >= youden).mean() + (zeros < youden).mean()
    assert all((ones >= t).mean() + (zeros < t).mean() <= best + 1e-9 for t in cases.probability)


def test_new_cases_reach_it_on_average() -> None:
    """The promise of split conformal prediction, by 2,000 draws of 24 positives and negatives.

    On average (n + 1 - k) / (n + 1) of new positives reach the k-th lowest of n; thresholds above
    a negative lie at the next case, half a negative's step further where classes are mixed.
    """
    random = np.random.default_rng(0)
    truth = np.repeat([True, False], 24)
    reached = []
    for _ in range(2000):
        cases = cases_of(truth, random.random(48))
        threshold = choose(cases, "sensitivity>=0.9")
        upper = choose(cases, "specificity>=0.9")
        reached.append((1 - threshold, min(upper, 1.0)))
    mean, error = np.mean(reached, axis=0), np.std(reached, axis=0) / np.sqrt(2000)
    assert mean == pytest.approx([0.92, 0.92 + 0.5 / 25], abs=3 * error.max())


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("sensitivity>=90", "there is no rule 'sensitivity>=90'"),
        ("sensitivity>=0.0", "asks for nothing"),
        ("f1", "there is no rule 'f1'"),
        ("cost=-1", "there is no rule"),
    ],
)
def test_wrong_rules(rule: str, sentence: str) -> None:
    with pytest.raises(FracturaError, match=sentence):
        choose(EIGHT, rule)


def test_edges_are_told() -> None:
    healthy = cases_of([0, 0, 0], [0.1, 0.2, 0.3])
    with pytest.raises(FracturaError, match="needs cases labelled fracture"):
        choose(healthy, "youden")
    assert choose(cases_of([0] * 99, np.arange(99) / 100), "specificity>=0.95") == 0.95
    nothing, everything = operating_points(
        healthy,
        [MeasuredPoint("none", "", ABOVE_ALL, ""), MeasuredPoint("all", "", 0.0, "")],
        prevalence=0.1,
        samples=20,
    )
    json.dumps([nothing, everything], allow_nan=False)
    assert nothing["figures"]["sensitivity"]["value"] is None
    assert nothing["figures"]["ppv_at_prevalence"]["value"] is None
    assert nothing["figures"]["specificity"]["value"] == 1
    assert any("No case is labelled fracture" in note for note in nothing["notes"])
    assert any("No case is called positive" in note for note in nothing["notes"])
    assert any("Every case is called positive" in note for note in everything["notes"])
    with pytest.raises(FracturaError, match="prevalence"):
        operating_points(healthy, [], prevalence=10)
    assert operating_points(healthy, [], samples=2) == []
