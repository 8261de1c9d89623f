"""Matching and average precision equal the COCO reference on random cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fractura.evaluation import detection
from fractura.evaluation.cases import Boxes
from fractura.evaluation.detection import (
    OVERLAPS,
    best_of_each_case,
    intersection_over_union,
    match,
    match_pairs,
    pairs_of,
    pooled_average_precision,
)
from fractura.evaluation.metrics.boxes import areas, match_sizes
from fractura.evaluation.ranked_boxes import RankedBoxes
from tests.evaluation.coco_reference import Detections, coco_boxes, tools

COCO_SIZES = ((0, 1e10), (0, 32**2), (32**2, 96**2), (96**2, 1e10))


def random_boxes(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    corner = random.uniform(0, 80, (count, 2))
    return np.concatenate([corner, corner + random.uniform(4, 40, (count, 2))], axis=1)


def random_images(
    seed: int, images: int, most: int, whole: bool
) -> tuple[list[NDArray[np.float64]], list[Detections]]:
    """True and found boxes of all of COCO's sizes; whole corners and tenths make many ties."""
    random = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(images):
        corner = random.uniform(0, 150, (int(random.integers(0, 5)), 2))
        boxes = np.concatenate([corner, corner + np.exp(random.uniform(2, 5.4, corner.shape))], 1)
        boxes = np.round(boxes) if whole else boxes
        near = np.repeat(boxes, int(random.integers(0, 4)), axis=0)
        near += random.normal(0, 0.06, near.shape) * (near[:, 2:] - near[:, :2]).mean(1)[:, None]
        start = random.uniform(0, 150, (int(random.integers(0, most)), 2))
        far = np.concatenate([start, start + np.exp(random.uniform(2, 5.4, start.shape))], 1)
        guesses = np.concatenate([near, far])
        guesses = np.round(guesses) if whole else guesses
        guesses[:, 2:] = np.maximum(guesses[:, 2:], guesses[:, :2] + 1)
        scores = random.random(len(guesses))
        truths.append(boxes)
        found.append((guesses, np.round(scores, 1) if whole else scores))
    return truths, found


def flat(images: Sequence[NDArray[np.float64]], scores: Sequence[NDArray[np.float64]]) -> Boxes:
    orders = [np.argsort(-one, kind="stable") for one in scores]
    return Boxes(
        np.repeat(np.arange(len(images)), [len(one) for one in images]),
        np.concatenate([one[order] for one, order in zip(images, orders, strict=True)]),
        np.concatenate([one[order] for one, order in zip(scores, orders, strict=True)]),
    )


def ours(truths: Sequence[NDArray[np.float64]], found: Sequence[Detections]) -> NDArray[np.float64]:
    true = flat(truths, [np.ones(len(one)) for one in truths])
    some = best_of_each_case(flat([boxes for boxes, _ in found], [scores for _, scores in found]))
    pairs, once = pairs_of(some, true), np.ones((1, len(truths)))
    columns = []
    for low, high in COCO_SIZES:
        matching = match_sizes(some, true, pairs, len(truths), areas(some), areas(true), low, high)
        values = RankedBoxes(matching).average_precision(once)
        columns.append([values[overlap][0] for overlap in OVERLAPS])
    return np.array(columns).T


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool[0].__module__.split(".")[0])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 30), whole=st.booleans())
def test_every_overlap_and_size_equals_coco(
    tool: tuple[object, object], seed: int, images: int, whole: bool
) -> None:
    truths, found = random_images(seed, images, 8, whole)
    if not any(len(boxes) for boxes, _ in found):
        return
    np.testing.assert_allclose(ours(truths, found), coco_boxes(tool, truths, found), atol=1e-6)


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool[0].__module__.split(".")[0])
@pytest.mark.parametrize("whole", [False, True])
def test_more_than_a_hundred_boxes_an_image_equal_coco(
    tool: tuple[object, object], whole: bool
) -> None:
    truths, found = random_images(3, 12, 300, whole)
    assert max(len(scores) for _, scores in found) > 200
    np.testing.assert_allclose(ours(truths, found), coco_boxes(tool, truths, found), atol=1e-6)


def test_every_score_alike_equals_coco() -> None:
    truths, found = random_images(5, 20, 6, False)
    found = [(boxes, np.full(len(boxes), 0.5)) for boxes, _ in found]
    np.testing.assert_allclose(
        ours(truths, found), coco_boxes(tools()[0], truths, found), atol=1e-6
    )


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool[0].__module__.split(".")[0])
def test_of_true_boxes_overlapped_alike_the_last_is_taken_as_in_coco(
    tool: tuple[object, object],
) -> None:
    upper, lower = [0.0, 10, 10, 30], [0.0, 14, 10, 34]
    between, above = [0.0, 12, 10, 32], [0.0, 8, 10, 28]
    found = [(np.array([between, above]), np.array([0.9, 0.8]))]
    last_is_lower, last_is_upper = np.array([upper, lower]), np.array([lower, upper])
    for truths, at_75 in ((last_is_lower, 1.0), (last_is_upper, 51 / 101)):
        values = ours([truths], found)
        assert values[OVERLAPS.index(0.75), 0] == pytest.approx(at_75)
        np.testing.assert_allclose(values, coco_boxes(tool, [truths], found), atol=1e-6)


def test_images_one_by_one_equal_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    truths, found = random_images(7, 30, 8, True)
    true = flat(truths, [np.ones(len(one)) for one in truths])
    some = flat([boxes for boxes, _ in found], [scores for _, scores in found])
    pairs = pairs_of(some, true)
    monkeypatch.setattr(detection, "_AT_ONCE", 7)
    again = pairs_of(some, true)
    np.testing.assert_array_equal(pairs.found, again.found)
    np.testing.assert_array_equal(pairs.overlap, again.overlap)
    for overlap in (0.5, 0.75):
        matching = match_pairs(some, true, pairs, len(truths), (overlap,))
        singly = [
            match(boxes, scores, truth, overlap)
            for (boxes, scores), truth in zip(found, truths, strict=True)
        ]
        hits = np.zeros(len(some), dtype=bool)
        hits[matching.near] = matching.partners[0] >= 0
        np.testing.assert_array_equal(hits, np.concatenate([one.hits for one in singly]))
        once = np.ones((1, len(truths)))
        flat_value = RankedBoxes(matching).average_precision(once)[overlap]
        assert flat_value == pytest.approx(pooled_average_precision(singly))
        assert flat_value == pytest.approx(
            RankedBoxes.of({overlap: singly}).average_precision(once)[overlap]
        )


def test_counting_an_image_twice_equals_listing_it_twice() -> None:
    random = np.random.default_rng(5)
    matches = []
    for _ in range(8):
        boxes = random_boxes(random, 2)
        guesses = np.concatenate([boxes + 1.5, random_boxes(random, 2)])
        matches.append(match(guesses, random.random(4), boxes))
    counts = np.array([2, 0, 1, 3, 1, 0, 1, 2])
    listed = [item for item, count in zip(matches, counts, strict=True) for _ in range(count)]
    assert pooled_average_precision(matches, counts) == pytest.approx(
        pooled_average_precision(listed)
    )


def test_nothing_to_find_is_undefined_and_nothing_found_is_zero() -> None:
    empty = np.zeros((0, 4))
    box = np.array([[0.0, 0, 10, 10]])
    assert np.isnan(pooled_average_precision([match(box, np.ones(1), empty)]))
    assert pooled_average_precision([match(empty, np.zeros(0), box)]) == 0


def test_overlap_of_half_shifted_squares() -> None:
    overlap = intersection_over_union(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2]]))
    np.testing.assert_allclose(overlap, [[1 / 3]])
