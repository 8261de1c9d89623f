"""Framing moves the marks with the image, and processing keeps what it is given in place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.training.data.framing import add_margin, crop, reframe
from fractura.training.data.processing import burn_in, downsample, unsharp
from fractura.training.recipe import Augmentation

TOP, LEFT, SIDE = 60, 90, 24
MARK = np.array([[LEFT, TOP], [LEFT + SIDE, TOP + SIDE]], np.float32)


def with_square() -> np.ndarray:
    image = np.full((200, 160), 10, np.uint8)
    image[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = 200
    return image


@pytest.mark.parametrize(
    "change", [lambda image, marks, random: crop(image, marks, 3.0, random), add_margin]
)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=60)
def test_a_mark_stays_on_what_it_marks(change: Callable, seed: int) -> None:
    image, (mark,) = change(with_square(), [MARK], np.random.default_rng(seed))
    assert max(image.shape) == 200
    (left, top), (right, bottom) = mark
    inside = image[max(0, round(top) + 2) : max(0, round(bottom) - 2)]
    inside = inside[:, max(0, round(left) + 2) : max(0, round(right) - 2)]
    assert (inside > 150).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40)
def test_an_unmarked_fracture_is_hardly_cut(seed: int) -> None:
    always = Augmentation(crop=1, crop_zoom=3)
    image, _ = reframe(with_square(), [], always, np.random.default_rng(seed), whole=True)
    assert image.shape[0] / image.shape[1] == pytest.approx(200 / 160, rel=0.6)
    kept = (image > 100).mean() / (with_square() > 100).mean()
    assert kept <= 1.35**2 * 1.05


def test_without_chances_nothing_changes() -> None:
    image, marks = reframe(with_square(), [MARK], Augmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(image, with_square())
    np.testing.assert_array_equal(marks[0], MARK)


@given(seed=st.integers(0, 10_000), grey=st.integers(0, 255))
@settings(max_examples=40)
def test_processing_of_nothing_shows_nothing(seed: int, grey: int) -> None:
    flat = np.full((90, 70), grey, np.uint8)
    for change in (unsharp, downsample):
        np.testing.assert_array_equal(change(flat, np.random.default_rng(seed)), flat)
    written = burn_in(flat, np.random.default_rng(seed))
    assert written.shape == flat.shape
    assert (written != flat).mean() < 0.6


def test_unsharp_masking_raises_edges_and_low_resolution_flattens_them() -> None:
    image = np.asarray(np.clip(with_square(), 60, 180), np.uint8)
    steep = np.abs(np.diff(image.astype(int), axis=1)).max()
    for seed in range(20):
        sharper = unsharp(image, np.random.default_rng(seed)).astype(int)
        softer = downsample(image, np.random.default_rng(seed)).astype(int)
        assert np.abs(np.diff(sharper, axis=1)).max() > steep
        assert np.abs(np.diff(softer, axis=1)).max() <= steep * 1.15
