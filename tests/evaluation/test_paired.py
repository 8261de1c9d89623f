"""Paired tests against published values and independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from fractura.evaluation.paired import delong, mcnemar


def case(seed: int, cases: int = 120) -> tuple[NDArray[np.float64], ...]:
    random = np.random.default_rng(seed)
    positive = random.random(cases) < 0.4
    shared = random.normal(0, 1, cases)
    first = np.round(positive + shared + random.normal(0, 0.5, cases), 1)
    second = np.round(0.7 * positive + shared + random.normal(0, 0.8, cases), 1)
    return first, second, positive


def by_definition(
    first: NDArray[np.float64], second: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[float, float]:
    """DeLong's own double loop over pairs, covariances and all."""

    def kernel(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = scores[positive][:, None], scores[~positive][None]
        return (x > y) + 0.5 * (x == y)

    psi = [kernel(first), kernel(second)]
    v10 = np.stack([one.mean(1) for one in psi])
    v01 = np.stack([one.mean(0) for one in psi])
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    contrast = np.array([1, -1])
    difference = contrast @ v10.mean(1)
    z = difference / np.sqrt(contrast @ covariance @ contrast)
    return float(difference), float(2 * norm.sf(abs(z)))


@pytest.mark.parametrize("seed", range(8))
def test_delong_equals_its_definition(seed: int) -> None:
    first, second, positive = case(seed)
    found = delong(first, second, positive)
    difference, p = by_definition(first, second, positive)
    assert found.value == pytest.approx(difference, abs=1e-12)
    assert found.value == pytest.approx(
        roc_auc_score(positive, first) - roc_auc_score(positive, second)
    )
    assert found.p == pytest.approx(p, rel=1e-9)
    assert (found.low > 0 or found.high < 0) == (p < 0.05)
    swapped = delong(second, first, positive)
    assert (swapped.value, swapped.p) == pytest.approx((-found.value, found.p))
    alone = delong(first, second, positive, np.arange(len(first)))
    assert (alone.low, alone.high) == pytest.approx((found.low, found.high))


def test_copies_of_cases_add_no_certainty_when_they_are_one_cluster() -> None:
    first, second, positive = case(1, 400)
    once = delong(first, second, positive)
    twice = [np.repeat(one, 2) for one in (first, second, positive)]
    clustered = delong(*twice, np.repeat(np.arange(400), 2))
    assert clustered.value == pytest.approx(once.value)
    assert clustered.high - clustered.low == pytest.approx(once.high - once.low, rel=1e-6)
    naive = delong(*twice)
    assert naive.high - naive.low < 0.75 * (once.high - once.low)


def test_delong_without_a_difference_and_without_a_class() -> None:
    first, _, positive = case(2)
    same = delong(first, 2 * first + 1, positive)
    assert (same.value, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert np.isnan(delong(first, first, np.ones(len(first), bool)).p)


def test_false_alarms_of_delong_are_as_many_as_it_says() -> None:
    """Two scores equally good by construction."""
    alarms = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        positive = np.arange(150) < 60
        shared = random.normal(0, 1, 150)
        one, other = (positive + shared + random.normal(0, 1, 150) for _ in range(2))
        alarms += delong(one, other, positive).p < 0.05
    assert 0.02 < alarms / 400 < 0.09


def test_mcnemar_of_published_and_counted_cases() -> None:
    """Agresti's approval ratings: 150 changed one way and 86 the other (z = 4.17, p < 0.0001)."""
    right = np.repeat([True, False, True, False], [794, 570, 150, 86])
    other = np.repeat([True, False, False, True], [794, 570, 150, 86])
    assert mcnemar(right, other) == pytest.approx(2 * binom.cdf(86, 236, 0.5))
    assert mcnemar(right, other) == pytest.approx(3.7e-5, rel=0.02)
    assert mcnemar(right, right) == 1
    only = np.array([True] * 6), np.array([False] * 6)
    assert mcnemar(*only) == pytest.approx(2 / 64)
