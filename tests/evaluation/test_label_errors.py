"""Suspected label errors are those that confident learning defines."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fractura.evaluation.label_errors import suspects


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=30))
def test_suspects_are_off_the_diagonal_of_the_confident_joint(rows):
    """The definition of Northcutt et al. 2021, equations 1 and 2, case by case."""
    tenths, labels = zip(*rows, strict=True)
    chances = np.array([[1 - tenth / 10, tenth / 10] for tenth in tenths])
    given_labels = np.array(labels).astype(int)
    expected = {}
    if len(set(labels)) == 2:
        thresholds = [chances[given_labels == label, label].mean() for label in (0, 1)]
        for index, label in enumerate(given_labels):
            sure = [one for one in (0, 1) if chances[index, one] >= thresholds[one]]
            best = max(sure, key=lambda one: (chances[index, one], one == label), default=label)
            if best != label:
                expected[index] = chances[index, label] - chances[index, best]
    found = suspects(chances[:, 1], given_labels == 1).tolist()
    assert set(found) == set(expected)
    margins = [expected[index] for index in found]
    assert np.allclose(margins, sorted(margins))


def test_planted_errors_are_found():
    random = np.random.default_rng(0)
    truth = random.random(500) < 0.3
    probability = np.clip(np.where(truth, 0.9, 0.1) + random.normal(0, 0.05, 500), 0, 1)
    planted = random.choice(500, 15, replace=False)
    labels = truth.copy()
    labels[planted] ^= True
    found = suspects(probability, labels)
    assert set(found.tolist()) <= set(planted.tolist())
    assert len(found) >= 10
