"""Boxes move with their pixels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.training.augment import augment, transform_boxes
from fractura.training.recipe import Augmentation

GEOMETRY = Augmentation(
    gamma=(1, 1), contrast=(1, 1), blur=0, noise=0, erase=0, scale=(0.8, 1.2), translation=0.05
)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), lying=st.booleans())
def test_a_bright_patch_stays_inside_its_box(seed: int, lying: bool) -> None:
    random = np.random.default_rng(seed)
    shape = (192, 224) if lying else (224, 192)
    image = np.zeros(shape, np.uint8)
    x, y = int(random.integers(40, 120)), int(random.integers(40, 120))
    image[y : y + 24, x : x + 30] = 255
    outline = np.array([[x, y], [x + 30, y], [x + 30, y + 24], [x, y + 24]], np.float32)
    warped, boxes = augment(image, [outline], (224, 192), GEOMETRY, random)
    assert warped.shape == (224, 192)
    rows, columns = np.nonzero(warped > 128)
    if not len(boxes):
        assert len(rows) < 0.5 * 24 * 30
        return
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(boxes[0], seen, atol=2.5)


def test_a_rotated_outline_keeps_a_tight_box() -> None:
    diamond = np.array([[10, 0], [20, 10], [10, 20], [0, 10]], np.float32)
    turn = np.array([[0.5**0.5, -(0.5**0.5), 30], [0.5**0.5, 0.5**0.5, 10]])
    boxes = transform_boxes([diamond], turn, (100, 100))
    np.testing.assert_allclose(boxes[0, 2:] - boxes[0, :2], 14.142, atol=1e-3)


def test_a_fracture_that_left_the_canvas_is_dropped() -> None:
    outline = np.array([[0, 0], [10, 0], [10, 10]], np.float32)
    away = np.array([[1.0, 0, -8], [0, 1, 0]])
    assert len(transform_boxes([outline], away, (50, 50))) == 0
    near = np.array([[1.0, 0, -5], [0, 1, 0]])
    np.testing.assert_array_equal(transform_boxes([outline], near, (50, 50)), [[0, 0, 5, 10]])
