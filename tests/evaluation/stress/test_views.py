"""Pixels and boxes move together."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.evaluation.cases import Boxes
from fractura.evaluation.stress.views import (
    Pixels,
    View,
    mirrored,
    moved,
    placed,
    rotated,
    scaled,
    shown_truths,
    unmoved,
    zoomed,
)

TRUTH = np.array([[40.0, 20.0, 70.0, 32.0]])


def scene() -> Pixels:
    pixels = np.zeros((90, 120), np.float32)
    pixels[20:32, 40:70] = 1
    return pixels


def truths(outlines: tuple[tuple[tuple[float, float], ...], ...] | None = None) -> Boxes:
    return Boxes(
        np.zeros(1, np.int64), TRUTH, np.ones(1), None if outlines is None else (outlines,)
    )


@pytest.mark.parametrize(
    ("change", "slack"),
    [
        (unmoved, 0.01),
        (mirrored, 0.01),
        (lambda pixels: placed(pixels, 7, 11, (120, 150)), 0.01),
        (lambda pixels: placed(pixels, -35, -5, (60, 60)), 0.01),
        (lambda pixels: scaled(pixels, 2), 0.51),
        (lambda pixels: zoomed(pixels, 1.1), 0.51),
        (lambda pixels: zoomed(pixels, 0.9), 0.51),
        (lambda pixels: rotated(pixels, 180), 0.01),
    ],
)
def test_box_follows_the_pixels(change: Callable[[Pixels], View], slack: float) -> None:
    view = change(scene())
    bright = view.pixels >= 0.5
    rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
    seen = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_allclose(shown_truths(truths(), view)[0], seen, atol=slack)


@given(st.floats(-180, 180), st.floats(0.3, 3))
def test_a_move_and_its_inverse_leave_the_middle(degrees: float, factor: float) -> None:
    matrix = cv2.getRotationMatrix2D((60, 45), degrees, factor)
    there = moved(TRUTH, matrix)
    back = moved(there, cv2.invertAffineTransform(matrix))
    middle = (back[:, :2] + back[:, 2:]) / 2
    np.testing.assert_allclose(middle, [[55, 26]], atol=1e-6)
    assert (there[:, 2:] > there[:, :2]).all()


def test_turned_box_is_around_the_turned_ellipse() -> None:
    turned = moved(TRUTH, cv2.getRotationMatrix2D((55, 26), 90, 1))
    np.testing.assert_allclose(turned, [[49, 11, 61, 41]])
    slanted = moved(TRUTH, cv2.getRotationMatrix2D((55, 26), 45, 1))
    half = np.sqrt((15**2 + 6**2) / 2)
    np.testing.assert_allclose(slanted, [[55 - half, 26 - half, 55 + half, 26 + half]])


def test_outline_is_turned_exactly() -> None:
    """A thin diagonal crack becomes a thin level one."""
    crack = ((40.0, 20.0), (41.0, 20.0), (53.0, 32.0), (52.0, 32.0))
    view = rotated(scene(), 45)
    (found,) = shown_truths(truths((crack,)), view)
    assert found[2] - found[0] == pytest.approx(12.5 * np.sqrt(2))
    assert found[3] - found[1] == pytest.approx(0.5 * np.sqrt(2))


@pytest.mark.parametrize(("left", "kept"), [(-54, True), (-56, False)])
def test_box_counts_while_half_of_it_is_shown(left: int, kept: bool) -> None:
    found = shown_truths(truths(), placed(scene(), left, 0, (90, 120)))
    assert len(found) == kept
    if kept:
        np.testing.assert_allclose(found, [[0, 20, 16, 32]])


def test_border_hides_as_a_crop_does() -> None:
    assert len(shown_truths(truths(), unmoved(scene(), border=25))) == 1
    assert len(shown_truths(truths(), unmoved(scene(), border=27))) == 0
