"""Peaks become boxes; overlapping ones fall away."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fractura.evaluation.detection import intersection_over_union
from fractura.reading.decode import LARGEST_OVERLAP, MOST_BOXES, decode


def dense(rows: int, columns: int, side: float) -> NDArray[np.float32]:
    """A square of the given side around every cell's centre."""
    y, x = np.mgrid[:rows, :columns] * 8.0 + 4
    return np.stack([x - side, y - side, x + side, y + side], -1).astype(np.float32)


def test_two_peaks_give_two_boxes_by_falling_score() -> None:
    logits = np.full((6, 7), -9, np.float32)
    logits[1, 1], logits[4, 5], logits[1, 2] = 1.0, 2.0, 0.5
    found = decode(logits, dense(6, 7, 8))
    np.testing.assert_array_equal(found.logits[:2], [2.0, 1.0])
    np.testing.assert_array_equal(found.boxes[:2], [[36, 28, 52, 44], [4, 4, 20, 20]])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), rows=st.integers(1, 30), side=st.floats(2, 40))
def test_kept_boxes_are_sorted_apart_and_bounded(seed: int, rows: int, side: float) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, 12)).astype(np.float32)
    found = decode(logits, dense(rows, 12, side))
    assert 1 <= len(found.logits) <= MOST_BOXES
    assert found.logits[0] == logits.max()
    assert (np.diff(found.logits) <= 0).all()
    overlaps = intersection_over_union(found.boxes, found.boxes)
    np.fill_diagonal(overlaps, 0)
    assert overlaps.max() <= LARGEST_OVERLAP + 1e-6


def test_a_flat_map_is_suppressed_and_not_listed_a_thousand_times() -> None:
    found = decode(np.zeros((56, 48), np.float32), dense(56, 48, 30))
    assert len(found.logits) <= MOST_BOXES
