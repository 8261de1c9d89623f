"""Triage keeps its promise: exactly for every data set, and in a simulation."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.errors import FracturaError
from fractura.evaluation.cases import Cases
from fractura.evaluation.metrics.triage import OUTCOMES, Triage, fit_triage, triage
from tests.evaluation.strata import make_cases, random_cases

SETS = st.lists(
    st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 10)), min_size=2, max_size=40
)


def from_rows(rows: list[tuple[int, bool, int]]) -> Cases:
    clusters, positive, tenths = zip(*rows, strict=True)
    return make_cases(positive, [tenth / 10 for tenth in tenths], clusters)


@settings(max_examples=40)
@given(rows=SETS, alpha=st.sampled_from((0.1, 0.2, 0.34, 0.5)))
def test_no_data_set_breaks_the_promise_when_each_cluster_in_turn_is_new(rows, alpha):
    """What exchangeability promises of a new cluster is a mean over which of all is the new one."""
    cases = from_rows(rows)
    for label, outcome in ((True, 0), (False, 2)):
        shares = []
        for cluster in np.unique(cases.clusters[cases.positive == label]):
            fitted = fit_triage(
                cases.of(np.flatnonzero(cases.clusters != cluster)),
                alpha_missed=alpha,
                alpha_false_alarm=alpha,
            )
            own = (cases.clusters == cluster) & (cases.positive == label)
            shares.append(np.mean(fitted.outcomes(cases.probability[own]) == outcome))
        assert not shares or np.mean(shares) <= alpha + 1e-12


@settings(max_examples=40)
@given(rows=SETS, tenth=st.integers(-1, 11), alpha=st.sampled_from((0.1, 0.2, 0.34)))
def test_thresholds_are_those_of_the_conformal_p_value(rows, tenth, alpha):
    cases = from_rows(rows)
    fitted = fit_triage(cases, alpha_missed=alpha, alpha_false_alarm=1e-9)
    shares = [
        np.mean(cases.probability[cases.positive & (cases.clusters == cluster)] <= tenth / 10)
        for cluster in np.unique(cases.clusters[cases.positive])
    ]
    p_value = (1 + sum(shares)) / (1 + len(shares))
    outcome = fitted.outcomes(np.array([tenth / 10]))[0]
    assert OUTCOMES[outcome] == ("no fracture" if p_value <= alpha + 1e-12 else "needs a reader")


def draw(random: np.random.Generator, clusters: int) -> Cases:
    """Clusters of one to six like cases, half of them of one class only."""
    size = random.integers(1, 7, clusters)
    index = np.repeat(np.arange(clusters), size)
    positive = random.random(clusters)[index] < random.random(len(index))
    logits = random.normal(size=clusters)[index] + 0.5 * random.normal(size=len(index))
    return Cases("made", (), positive, 1 / (1 + np.exp(-logits - positive)), index)


def test_coverage_in_a_simulation_is_the_nominal_one():
    random = np.random.default_rng(1)
    new, alpha, clusters, missed = draw(random, 10_000), 0.1, 60, []
    members = np.bincount(new.clusters, new.positive)
    weight = new.positive / np.maximum(members, 1)[new.clusters]
    for _ in range(400):
        cases = draw(random, clusters)
        fitted = fit_triage(cases, alpha_missed=alpha)
        missed.append(weight @ (fitted.outcomes(new.probability) == 0) / weight.sum())
    error = np.std(missed) / np.sqrt(len(missed))
    assert alpha - 2 / clusters - 3 * error < np.mean(missed) < alpha + 3 * error


def test_halves_are_triaged_crosswise_and_every_case_once():
    cases = random_cases(3, 600)
    section = triage(cases, samples=100)
    table = np.array([section["confusion"][name] for name in OUTCOMES])
    assert table.sum(0).tolist() == [int((~cases.positive).sum()), int(cases.positive.sum())]
    figures = section["figures"]
    assert figures["missed"]["value"] == table[0, 1] / table[:, 1].sum()
    assert figures["false_alarm"]["value"] == table[2, 0] / table[:, 0].sum()
    assert figures["needs_reader"]["value"] == table[1].sum() / 600
    assert figures["missed"]["low"] <= figures["missed"]["value"] <= figures["missed"]["high"]
    assert "half" in section["notes"][0]
    assert "at most 0.05" in section["guarantee"]
    fitted = fit_triage(cases)
    assert section["thresholds"] == {"low": fitted.low, "high": fitted.high}
    changed = cases.of(np.arange(600))
    changed.probability[:] = cases.probability**3
    again = triage(changed, samples=100)
    assert again["confusion"] == section["confusion"]


def test_thresholds_of_classes_that_lie_apart_meet_and_nobody_needs_a_reader():
    positive = [False] * 50 + [True] * 50
    cases = make_cases(positive, [0.1] * 50 + [0.9] * 50)
    fitted = fit_triage(cases)
    assert fitted.low == fitted.high == 0.5
    assert triage(cases, fitted, samples=50)["confusion"] == {
        "no fracture": [50, 0],
        "needs a reader": [0, 0],
        "fracture": [0, 50],
    }


@pytest.mark.parametrize(
    ("positive", "probability"),
    [
        ([True], [0.7]),
        ([False], [0.7]),
        ([True, False], [0.5, 0.5]),
        ([False] * 30, [0.2] * 30),
        ([True] + [False] * 40, [0.3] + [0.3] * 40),
    ],
    ids=["one positive", "one negative", "all equal", "no positive", "one positive of many"],
)
def test_too_few_cases_are_sent_to_a_reader_with_a_note(positive, probability):
    cases = make_cases(positive, probability)
    for fitted in (None, fit_triage(cases)):
        section: dict[str, Any] = triage(cases, fitted, samples=20)
        json.dumps(section, allow_nan=False)
        assert section["thresholds"]["low"] is None
        assert section["confusion"]["no fracture"] == [0, 0]
        assert any("needs 19" in note for note in section["notes"])
        undefined = section["figures"]["missed"]["value"] is None
        assert undefined == (not any(positive))


def test_a_chance_that_is_none_is_refused():
    with pytest.raises(FracturaError, match="between 0 and 1"):
        fit_triage(random_cases(0, 20), alpha_missed=0)


def test_risk_and_coverage_of_a_worked_example():
    """Most certain first: right, right and wrong together, then right."""
    cases = make_cases([True, True, False, False], [0.95, 0.8, 0.8, 0.4])
    section = triage(cases, Triage(0.3, 0.7, 0.05, 0.05, 9, 9, "nothing"), samples=20)
    assert np.allclose(section["risk_coverage"], [[0.25, 0], [0.75, 1 / 3], [1, 1 / 4]])
    area = section["figures_risk"]["area_under_risk_coverage"]
    assert area["value"] == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 4) / 4)
    assert area["n"] == 4


def test_the_risk_coverage_curve_is_short_and_ends_at_the_error_of_all():
    cases = random_cases(5, 1000)
    curve = triage(cases, samples=2)["risk_coverage"]
    assert len(curve) <= 200
    assert curve[-1] == [1.0, pytest.approx(np.mean((cases.probability >= 0.5) != cases.positive))]
