"""Boxes move with their pixels, and without augmentation training sees what inference sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.training.data.augment import augment, mosaic
from fractura.training.data.geometry import boxes, move, orient, place, scene
from fractura.training.data.photometric import photometric
from fractura.training.data.preview import NOTHING
from fractura.training.recipe import Augmentation

FIT = PreprocessConfig(long_side=96, multiple=96)
FLAT = PreprocessConfig(mean=0, std=1, percentiles=(0, 100))
EVERYTHING = Augmentation(
    **dict.fromkeys(
        ("clahe", "blur", "noise", "jpeg", "invert", "random_erasing", "quarter_turn"), 0.5
    )
)
SQUARE = np.array([[40, 50], [70, 50], [70, 74], [40, 74]], np.float32)


def with_(**changes: object) -> Augmentation:
    return NOTHING.model_copy(update=changes)


def bright_square(height: int, width: int) -> np.ndarray:
    image = np.zeros((height, width), np.uint8)
    image[50:74, 40:70] = 255
    return image


def seen(image: torch.Tensor) -> list[float]:
    rows, columns = np.nonzero(image[0].numpy() > 0.5)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(("width", "height"), [(70, 96), (96, 70), (96, 96)])
@pytest.mark.parametrize("multiple", [96, 32])
def test_switched_off_it_is_fit(width: int, height: int, multiple: int) -> None:
    pixels = make_phantom(3, width=width, height=height).radiograph.pixels
    image = np.rint(pixels * 255).astype(np.uint8)
    expected, _ = preprocess(
        image.astype(np.float32) / np.float32(255), PreprocessConfig(96, multiple)
    )
    result, found = augment(image, [], expected.shape[2:], FIT, NOTHING, seed=5)
    np.testing.assert_array_equal(result.numpy()[None], expected)
    assert result.dtype == torch.float32
    assert found.shape == (0, 4)


@given(seed=st.integers(0, 2**64 - 1))
@settings(max_examples=40)
def test_a_bright_square_stays_in_its_box(seed: int) -> None:
    changes = with_(
        rotation=15,
        horizontal_flip=0.5,
        vertical_flip=0.5,
        quarter_turn=0.5,
        scale=(0.8, 1.2),
        translation=0.1,
    )
    image, found = augment(bright_square(128, 110), [SQUARE], (128, 128), FLAT, changes, seed)
    assert image.shape == (1, 128, 128)
    if len(found):
        np.testing.assert_allclose(found[0], seen(image), atol=1.5)
    else:
        assert (image > 0.5).sum() < 0.6 * 24 * 30 * 1.44


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mirror": 1}, [110 - 70, 50, 110 - 40, 74]),
        ({"vertical_flip": 1}, [40, 128 - 74, 70, 128 - 50]),
        ({"scale": (2, 2)}, [25, 36, 85, 84]),
    ],
)
def test_exact_boxes(changes: dict[str, object], expected: list[float]) -> None:
    image, found = augment(
        bright_square(128, 110), [SQUARE], (128, 128), FLAT, with_(**changes), seed=0
    )
    np.testing.assert_allclose(found, [expected], atol=1e-4)
    np.testing.assert_allclose(seen(image), expected, atol=1)


@pytest.mark.parametrize(("shape", "frame"), [((100, 128), (128, 112)), ((128, 100), (112, 128))])
def test_a_lying_image_is_turned_clockwise_for_a_standing_frame(
    shape: tuple[int, int], frame: tuple[int, int]
) -> None:
    image, found = augment(bright_square(*shape), [SQUARE], frame, FLAT, NOTHING, seed=0)
    expected = [shape[0] - 74, 40, shape[0] - 50, 70]
    np.testing.assert_allclose(found, [expected], atol=1e-3)
    assert seen(image) == expected


def test_the_middle_of_an_image_larger_than_the_frame_is_kept() -> None:
    image, found = augment(bright_square(128, 110), [SQUARE], (100, 90), FLAT, NOTHING, seed=0)
    np.testing.assert_array_equal(found, [[30, 36, 60, 60]])
    assert seen(image) == [30, 36, 60, 60]


def test_a_rotated_outline_keeps_a_tight_box() -> None:
    diamond = np.array([[40, 30], [50, 40], [40, 50], [30, 40]], np.float32)
    item = scene(np.zeros((80, 80), np.float32), [diamond])
    random = np.random.default_rng(0)
    turned = move(item, (80, 80), (80, 80), with_(rotation=180), random)
    angle = np.random.default_rng(0).uniform(-180, 180)
    half = 10 * max(abs(np.cos(np.deg2rad(angle))), abs(np.sin(np.deg2rad(angle))))
    np.testing.assert_allclose(boxes(turned)[0], [40 - half, 40 - half, 40 + half, 40 + half], 1e-4)


@pytest.mark.parametrize(("left", "shown"), [(-12.0, 0), (-6.1, 0), (-6.0, 1), (-5.0, 1)])
def test_a_fracture_counts_as_shown_from_two_fifths_of_its_box(left: float, shown: int) -> None:
    outline = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    item = scene(np.zeros((50, 50), np.float32), [outline + np.array([left, 0], np.float32)])
    found = boxes(item)
    assert len(found) == shown
    assert (found >= 0).all()


def test_a_mark_without_area_is_no_box() -> None:
    line = np.array([[5, 5], [20, 5]], np.float32)
    assert len(boxes(scene(np.zeros((50, 50), np.float32), [line]))) == 0


def test_outlines_in_parts_stay_apart() -> None:
    item = scene(bright_square(128, 110).astype(np.float32), [SQUARE, SQUARE[:3] + 9])
    turned = orient(item, (128, 128), with_(horizontal_flip=1), np.random.default_rng(0))
    placed = boxes(place(turned, (128, 128)))
    np.testing.assert_allclose(placed, [[40, 50, 70, 74], [31, 59, 61, 83]], atol=1e-4)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_seed_alone_decides(seed: int) -> None:
    image = np.rint(make_phantom(1, width=70, height=96).radiograph.pixels * 255).astype(np.uint8)
    global_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    first = augment(image, [], (96, 96), FIT, EVERYTHING, seed)
    second = augment(image, [], (96, 96), FIT, EVERYTHING, seed)
    assert torch.equal(first[0], second[0])
    assert torch.isfinite(first[0]).all()
    assert not torch.equal(first[0], augment(image, [], (96, 96), FIT, EVERYTHING, seed + 1)[0])
    assert torch.equal(torch.random.get_rng_state(), global_state[0])
    assert (np.random.get_state()[1] == global_state[1]).all()


@pytest.mark.parametrize("name", ["clahe", "blur", "noise", "jpeg", "invert", "random_erasing"])
def test_each_change_of_grey_values(name: str) -> None:
    image = np.rint(make_phantom(1, width=70, height=96).radiograph.pixels * 255).astype(np.uint8)
    before = image.copy()
    changed = photometric(image, with_(**{name: 1}), np.random.default_rng(0))
    assert changed.dtype == np.uint8
    assert changed.shape == image.shape
    assert (changed != image).any()
    if name == "invert":
        np.testing.assert_array_equal(changed, 255 - image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 3)])
def test_tiny_images_pass(shape: tuple[int, int]) -> None:
    always = EVERYTHING.model_copy(
        update=dict.fromkeys(
            ("clahe", "blur", "noise", "jpeg", "random_erasing", "quarter_turn"), 1.0
        )
    )
    for seed in range(5):
        image, _ = augment(np.full(shape, 7, np.uint8), [], (64, 64), FIT, always, seed)
        assert torch.isfinite(image).all()


def test_a_mosaic_shows_four_with_their_boxes() -> None:
    images = [bright_square(128, 110), bright_square(110, 128)] * 2
    result, found = mosaic(images, [[SQUARE]] * 4, (128, 128), FLAT, NOTHING, seed=1)
    assert result.shape == (1, 128, 128)
    assert len(found) == 4
    for x_min, y_min, x_max, y_max in found.round().int().tolist():
        assert result[0, y_min + 2 : y_max - 2, x_min + 2 : x_max - 2].min() > 0.9
    around = result.clone()
    for x_min, y_min, x_max, y_max in found.round().int().tolist():
        around[0, max(0, y_min - 2) : y_max + 2, max(0, x_min - 2) : x_max + 2] = 0
    assert around.max() < 0.1
