"""Image figures against scikit-learn, and intervals against their nominal coverage."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from fractura.evaluation.image import auroc, brier, calibration_error, sensitivity, specificity
from fractura.evaluation.interval import cluster_bootstrap


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_scikit_learn_with_weights(seed: int) -> None:
    random = np.random.default_rng(seed)
    positive = random.random(200) < 0.3
    scores = np.round(np.clip(random.normal(0.4 + 0.2 * positive, 0.2), 0, 1), 2)
    counts = random.integers(0, 4, 200)
    called = scores >= 0.5
    weight = {"sample_weight": counts}
    assert auroc(scores, positive, counts) == pytest.approx(
        roc_auc_score(positive, scores, **weight)
    )
    assert brier(scores, positive, counts) == pytest.approx(
        brier_score_loss(positive, scores, **weight)
    )
    assert sensitivity(called, positive, counts) == pytest.approx(
        recall_score(positive, called, **weight)
    )
    assert specificity(called, positive, counts) == pytest.approx(
        recall_score(~positive, ~called, **weight)
    )


def test_calibration_error_of_a_worked_case() -> None:
    scores = np.array([0.05, 0.05, 0.95, 0.95])
    positive = np.array([False, True, True, True])
    assert calibration_error(scores, positive, np.ones(4, int)) == pytest.approx(
        0.5 * abs(0.05 - 0.5) + 0.5 * abs(0.95 - 1)
    )


def test_one_class_is_undefined() -> None:
    assert np.isnan(auroc(np.array([0.1, 0.2]), np.array([True, True]), np.ones(2, int)))
    assert np.isnan(specificity(np.array([True]), np.array([True]), np.ones(1, int)))


def test_cluster_intervals_cover_as_often_as_they_claim() -> None:
    """Images of a patient share a label, so clusters, not images, carry the information."""
    covered = 0
    trials = 200
    for trial in range(trials):
        random = np.random.default_rng(trial)
        values = np.repeat(random.random(60) < 0.4, 3).astype(float)
        clusters = np.repeat(np.arange(60), 3)
        estimate = cluster_bootstrap(
            lambda n, v=values: float((n * v).sum() / n.sum()), clusters, samples=300, seed=trial
        )
        covered += estimate.low <= 0.4 <= estimate.high
    assert 0.90 <= covered / trials <= 0.99
