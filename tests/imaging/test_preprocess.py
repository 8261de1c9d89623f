"""The one preprocessing: geometry comes back, exposure does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.imaging.preprocess import PreprocessConfig, preprocess, resize_long_side, standardize

PARAMETERS = PreprocessConfig(long_side=64, multiple=32)
SIDES = st.integers(1, 300)


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, seed=st.integers(0, 9))
def test_input_is_padded_to_the_multiple_and_boxes_come_back(
    height: int, width: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    inputs, placement = preprocess(random.random((height, width), dtype=np.float32), PARAMETERS)
    assert inputs.dtype == np.float32
    assert inputs.shape[:2] == (1, 1)
    assert inputs.shape[2] % 32 == 0
    assert inputs.shape[3] % 32 == 0
    assert max(inputs.shape[2:]) == 64
    assert np.isfinite(inputs).all()
    box = np.sort(random.random((2, 2)), axis=0).reshape(1, 4) * [width, height, width, height]
    scale = [placement.scale_x, placement.scale_y] * 2
    back = placement.to_source((box * scale).astype(np.float32))
    np.testing.assert_allclose(back, box, atol=1e-3 * max(height, width))


def test_a_bright_square_lands_where_the_placement_says() -> None:
    pixels = np.zeros((200, 100), np.float32)
    pixels[120:160, 40:80] = 1
    inputs, placement = preprocess(pixels, PARAMETERS)
    rows, columns = np.nonzero(inputs[0, 0] > 1)
    found = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_allclose(placement.to_source(found), [[40, 120, 80, 160]], atol=3.2)


@given(gain=st.floats(0.05, 0.5), offset=st.floats(0, 0.5))
def test_linear_changes_of_exposure_leave_the_input_unchanged(gain: float, offset: float) -> None:
    pixels = np.random.default_rng(0).random((64, 48), dtype=np.float32)
    changed = (pixels * np.float32(gain) + np.float32(offset)).astype(np.float32)
    np.testing.assert_allclose(
        standardize(changed, PARAMETERS), standardize(pixels, PARAMETERS), atol=1e-4
    )


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_becomes_black(value: float) -> None:
    result = standardize(np.full((20, 20), value, np.float32), PARAMETERS)
    np.testing.assert_allclose(result, -PARAMETERS.mean / PARAMETERS.std)


def test_an_image_of_the_right_size_is_not_resampled() -> None:
    pixels = np.random.default_rng(0).random((64, 30), dtype=np.float32)
    assert resize_long_side(pixels, 64) is pixels


@given(
    seed=st.integers(0, 10_000),
    margins=st.tuples(*[st.integers(0, 40)] * 4),
    greys=st.tuples(*[st.floats(0, 1)] * 4),
)
@settings(max_examples=60)
def test_margins_of_one_grey_value_change_nothing(seed, margins, greys) -> None:
    """A framed picture gives the same input, and its boxes come back moved by the margin."""
    config = PreprocessConfig(long_side=64, multiple=32, trim=True)
    inside = np.random.default_rng(seed).random((50, 36), np.float32)
    top, bottom, left, right = margins
    framed = np.pad(inside, ((0, 0), (left, 0)), constant_values=greys[0])
    framed = np.pad(framed, ((0, 0), (0, right)), constant_values=greys[1])
    framed = np.pad(framed, ((top, 0), (0, 0)), constant_values=greys[2])
    framed = np.pad(framed, ((0, bottom), (0, 0)), constant_values=greys[3])
    plain, before = preprocess(inside, config)
    found, after = preprocess(framed, config)
    np.testing.assert_array_equal(found, plain)
    assert after.shown == before.shown == (50, 36)
    box = np.array([[4.0, 8.0, 20.0, 30.0]], np.float32)
    moved = after.to_source(box)
    np.testing.assert_allclose(
        moved, before.to_source(box) + np.array([left, top] * 2), rtol=1e-5, atol=1e-4
    )
    np.testing.assert_allclose(after.to_input(moved), box, rtol=1e-4, atol=1e-3)


def test_a_picture_of_margins_alone_stays_whole() -> None:
    config = PreprocessConfig(long_side=64, multiple=32, trim=True)
    found, placement = preprocess(np.full((40, 30), 0.3, np.float32), config)
    assert placement.shown == (40, 30)
    assert found.shape == (1, 1, 64, 64)
