"""Figures of radiographs against scikit-learn, brute force and simulation."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from fractura.evaluation.cases import Cases
from fractura.evaluation.interval import bootstrap_counts
from fractura.evaluation.metrics.image import FIXED, image_figures, image_notes
from tests.evaluation.metrics.simulated import cases_of, draw, draw_clustered

RANKED = (
    "auroc",
    "average_precision",
    *(
        f"{one}_at_{other}_{rate:g}"
        for rate in FIXED
        for one, other in (("sensitivity", "specificity"), ("specificity", "sensitivity"))
    ),
)


def test_equal_scikit_learn() -> None:
    cases = draw(3, 400)
    truth, p = cases.positive, cases.probability
    called = p >= 0.5
    expected = {
        "auroc": metrics.roc_auc_score(truth, p),
        "average_precision": metrics.average_precision_score(truth, p),
        "brier": metrics.brier_score_loss(truth, p),
        "log_loss": metrics.log_loss(truth, p),
        "accuracy": metrics.accuracy_score(truth, called),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, called),
        "precision": metrics.precision_score(truth, called),
        "sensitivity": metrics.recall_score(truth, called),
        "specificity": metrics.recall_score(~truth, ~called),
        "npv": metrics.precision_score(~truth, ~called),
        "f1": metrics.f1_score(truth, called),
        "kappa": metrics.cohen_kappa_score(truth, called),
        "matthews": metrics.matthews_corrcoef(truth, called),
    }
    found = image_figures(cases, samples=50)
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["npv"]["n"] == (~called).sum()
    assert all(one["low"] <= one["value"] <= one["high"] for one in found.values())
    assert set(found) == {*expected, *RANKED, "calibration_error"}


def by_hand(cases: Cases, rate: float) -> tuple[float, float]:
    """Best sensitivity and specificity over every threshold that may differ from another."""
    sensitivity, specificity = 0.0, 0.0
    for threshold in [*np.unique(cases.probability), 2.0]:
        called = cases.probability >= threshold
        hit, spared = called[cases.positive].mean(), (~called)[~cases.positive].mean()
        if spared >= rate - 1e-12:
            sensitivity = max(sensitivity, hit)
        if hit >= rate - 1e-12:
            specificity = max(specificity, spared)
    return sensitivity, specificity


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=2, max_size=60))
def test_fixed_rates_equal_brute_force_with_ties(rows: list[tuple[bool, int]]) -> None:
    positive, scores = map(np.array, zip(*rows, strict=True))
    cases = cases_of(positive, scores / 12)
    found = image_figures(cases, samples=1)
    for rate in FIXED:
        names = (f"sensitivity_at_specificity_{rate:g}", f"specificity_at_sensitivity_{rate:g}")
        if positive.all() or not positive.any():
            assert [found[name]["value"] for name in names] == [None, None]
        else:
            assert [found[name]["value"] for name in names] == pytest.approx(by_hand(cases, rate))


def test_fixed_rates_of_a_bootstrap_sample_are_those_of_the_repeated_cases() -> None:
    """Figures of counts equal figures of cases written out as often as they count."""
    from fractura.evaluation.metrics.image import _Tradeoff

    cases = draw(1, 80)
    (counts,) = bootstrap_counts(cases.clusters, samples=5)
    found = _Tradeoff(cases.probability, cases.positive).measure(counts)
    for sample, count in enumerate(counts.astype(int)):
        repeated = cases_of(np.repeat(cases.positive, count), np.repeat(cases.probability, count))
        for rate in FIXED:
            expected = by_hand(repeated, rate)
            assert found[f"sensitivity_at_specificity_{rate:g}"][sample] == pytest.approx(
                expected[0]
            )
            assert found[f"specificity_at_sensitivity_{rate:g}"][sample] == pytest.approx(
                expected[1]
            )


@given(seed=st.integers(0, 1000), power=st.floats(0.2, 5))
@settings(max_examples=20)
def test_what_ranks_ignores_a_rising_function(seed: int, power: float) -> None:
    cases = draw(seed, 60)
    changed = replace(cases, probability=np.round(cases.probability, 3) ** power)
    cases = replace(cases, probability=np.round(cases.probability, 3))
    first, second = image_figures(cases, samples=20), image_figures(changed, samples=20)
    assert {name: first[name] for name in RANKED} == {name: second[name] for name in RANKED}


@pytest.mark.parametrize(
    ("shown", "said", "right", "count"),
    [
        ([("hand",), ("lower limb",), ("hand", "knee"), ()], ["hand", "hand", "hand", None], 1, 2),
        (
            [("wrist",), ("knee",), ("hip",), ("foot",)],
            ["upper limb", "upper limb", None, None],
            1,
            2,
        ),
        ([("upper limb",), ("lower limb",)] * 2, ["elbow", "elbow", "upper limb", None], 2, 3),
        ([("hand",)] * 4, ["finger", "hand", "hand", "hand"], 3, 4),
        ([("leg",), ("leg",), ("hand",), ("hand",)], ["leg", "hand", "hand", "leg"], 2, 4),
    ],
)
def test_regions_count_where_one_is_said_and_one_is_in_view(
    shown: list[tuple[str, ...]], said: list[str | None], right: int, count: int
) -> None:
    cases = cases_of([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.1])
    records = tuple(
        replace(record, regions=regions)
        for record, regions in zip(cases.records, shown, strict=True)
    )
    found = image_figures(replace(cases, records=records, regions=tuple(said)), samples=20)
    assert found["region_accuracy"]["value"] == right / count
    assert found["region_accuracy"]["n"] == count


@pytest.mark.parametrize(
    ("positive", "probability", "sentence", "undefined"),
    [
        ([0, 0, 0], [0.1, 0.2, 0.7], "No case is labelled fracture", ("auroc", "sensitivity")),
        ([1, 1, 1], [0.1, 0.2, 0.7], "No case is labelled no fracture", ("auroc", "specificity")),
        ([1, 0, 0], [0.9, 0.2, 0.7], "Only one case is labelled fracture", ()),
        ([1, 0, 0], [0.3, 0.3, 0.3], "All probabilities are equal", ()),
        ([1, 0, 0], [0.3, 0.3, 0.2], "No probability reaches 0.5", ()),
        ([1, 0, 0], [0.8, 0.7, 0.6], "Every probability reaches 0.5", ()),
    ],
)
def test_edges_are_told(
    positive: list[int], probability: list[float], sentence: str, undefined: tuple[str, ...]
) -> None:
    cases = cases_of(positive, probability)
    found = image_figures(cases, samples=50)
    json.dumps(found, allow_nan=False)
    assert any(note.startswith(sentence) for note in image_notes(cases))
    for name in undefined:
        assert (found[name]["value"], found[name]["low"]) == (None, None)
    for name in {"auroc", "sensitivity", "specificity"} - set(undefined) - {"specificity"}:
        assert found[name]["value"] is not None


def test_one_cluster_has_no_interval() -> None:
    cases = draw(0, 30, clusters=1)
    found = image_figures(cases, samples=50)
    assert found["auroc"]["value"] is not None
    assert found["auroc"]["low"] is None
    assert "All cases belong to one cluster, so there are no intervals." in image_notes(cases)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """60 clusters of like cases: 95 % intervals within the Monte Carlo error of 120 draws."""
    random = np.random.default_rng(0)
    names = ("auroc", "sensitivity", "brier")
    truth = image_figures(draw_clustered(random, 20_000), samples=1)
    held = np.zeros(len(names))
    for draws in range(120):
        found = image_figures(draw_clustered(random, 60), samples=300, seed=draws)
        held += [found[n]["low"] <= truth[n]["value"] <= found[n]["high"] for n in names]
    assert (held / 120 >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 120)).all(), held / 120
