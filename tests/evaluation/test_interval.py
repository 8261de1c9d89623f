"""Intervals cover as often as they claim."""

from __future__ import annotations

import numpy as np

from fractura.evaluation.interval import bootstrap_all


def test_cluster_intervals_cover_as_often_as_they_claim() -> None:
    """Images of a patient share a label, so clusters, not images, carry the information."""
    covered = 0
    trials = 200
    for trial in range(trials):
        random = np.random.default_rng(trial)
        values = np.repeat(random.random(60) < 0.4, 3).astype(float)
        found = bootstrap_all(
            lambda counts, values=values: {"share": counts @ values / counts.sum(1)},
            np.repeat(np.arange(60), 3),
            samples=300,
            seed=trial,
        )
        covered += found["share"].low <= 0.4 <= found["share"].high
    assert 0.90 <= covered / trials <= 0.99


def test_one_cluster_has_no_interval() -> None:
    found = bootstrap_all(lambda counts: {"sum": counts.sum(1)}, np.zeros(3, int))
    assert found["sum"].value == 3
    assert np.isnan(found["sum"].low)
