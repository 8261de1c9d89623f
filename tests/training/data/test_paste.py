"""A pasted fracture lies on bone, free of the others."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.imaging.phantom import make_phantom
from fractura.training.data.paste import _blend, paste, somewhere


def eight_bit(seed: int, kind: str | None) -> tuple[np.ndarray, list[np.ndarray]]:
    phantom = make_phantom(seed, fracture=kind, width=180, height=240)
    outlines = [
        np.array([[b.x_min, b.y_min], [b.x_max, b.y_max]], np.float32) for b in phantom.boxes
    ]
    return np.rint(phantom.radiograph.pixels * 255).astype(np.uint8), outlines


NORMAL, _ = eight_bit(2, None)
BROKEN, MARKS = eight_bit(5, "oblique")


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_only_the_pixels_around_the_new_outline_change(seed: int) -> None:
    before = NORMAL.copy()
    image, outlines = paste(NORMAL, [], BROKEN, MARKS[0], np.random.default_rng(seed))
    np.testing.assert_array_equal(NORMAL, before)
    assert len(outlines) == 1
    low, high = outlines[0].min(0), outlines[0].max(0)
    np.testing.assert_allclose(high - low, MARKS[0].max(0) - MARKS[0].min(0), atol=1e-3)
    assert (low >= 0).all()
    assert (high <= (180, 240)).all()
    rows, columns = np.nonzero(image != NORMAL)
    margin = max(2.0, 0.5 * float((high - low).max())) + 2
    assert rows.min() >= low[1] - margin
    assert rows.max() <= high[1] + margin
    assert columns.min() >= low[0] - margin
    assert columns.max() <= high[0] + margin
    x, y = ((low + high) / 2).astype(int)
    assert NORMAL[y - 12 : y + 12, x - 12 : x + 12].mean() > NORMAL.mean() / 2


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25)
def test_it_never_touches_a_fracture_that_is_there(seed: int) -> None:
    image, outlines = paste(BROKEN, MARKS, BROKEN, MARKS[0], np.random.default_rng(seed))
    for mark in MARKS:
        (left, top), (right, bottom) = mark.min(0).astype(int), np.ceil(mark.max(0)).astype(int)
        np.testing.assert_array_equal(image[top:bottom, left:right], BROKEN[top:bottom, left:right])
    assert len(outlines) in (len(MARKS), len(MARKS) + 1)


def test_pasting_what_is_there_changes_hardly_anything() -> None:
    """A seam, or another brightness, would show."""
    outline = somewhere(MARKS[0], NORMAL, np.random.default_rng(3))
    top, left = 40, 60
    window = NORMAL[top : top + 50, left : left + 40]
    blended = _blend(window, window.copy())
    assert np.abs(blended.astype(int) - window).max() <= 2
    brighter = _blend(window, np.asarray(np.clip(window.astype(int) + 40, 0, 255), np.uint8))
    assert np.abs(brighter.astype(int) - window).mean() < 3
    assert (outline.min(0) >= 0).all()


def test_a_patch_too_large_is_left_out() -> None:
    small = NORMAL[:20, :20]
    image, outlines = paste(small, [], BROKEN, MARKS[0], np.random.default_rng(0))
    np.testing.assert_array_equal(image, small)
    assert outlines == []
