"""Random geometry and exposure, on 8-bit images and the outlines of their fractures.

OpenCV applies one composed affine map, and the outlines go through the same matrix, so the boxes
stay tight after a rotation.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.training.recipe import Augmentation

Outline = NDArray[np.float32]
VISIBLE = 0.4
"""A fracture counts as shown if this share of its box stays inside the canvas."""


def augment(
    image: NDArray[np.uint8],
    outlines: Sequence[Outline],
    canvas: tuple[int, int],
    settings: Augmentation,
    random: np.random.Generator,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw one random variant.

    Args:
        image: uint8 ``[h, w]``.
        outlines: float32 ``[n, 2]`` (x, y) for each fracture, in pixels of ``image``.
        canvas: height and width of the result.
        settings: ranges and probabilities.
        random: source of all randomness.

    Returns:
        uint8 ``[H, W]`` and the boxes ``[m, 4]`` of fractures that stay visible.
    """
    matrix = _matrix(image.shape, canvas, settings, random)
    warped = cv2.warpAffine(image, matrix, canvas[::-1], flags=cv2.INTER_LINEAR)
    boxes = transform_boxes(outlines, matrix, canvas)
    return _expose(np.asarray(warped, dtype=np.uint8), settings, random), boxes


def _matrix(
    shape: tuple[int, ...],
    canvas: tuple[int, int],
    settings: Augmentation,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    height, width = shape
    turn = int(random.integers(1, 4)) if random.random() < settings.quarter_turn else 0
    lying = (height < width) != (canvas[0] < canvas[1])
    angle = np.deg2rad(90 * (turn + lying) + random.uniform(-settings.rotation, settings.rotation))
    low, high = np.log(settings.scale)
    scale = np.exp(random.uniform(low, high))
    mirror = -1.0 if random.random() < settings.mirror else 1.0
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([mirror, 1.0])
    shift = random.uniform(-1, 1, 2) * settings.translation * np.array(canvas[::-1])
    middle = np.array(canvas[::-1]) / 2 + shift - linear @ (np.array([width, height]) / 2)
    return np.column_stack([linear, middle])


def transform_boxes(
    outlines: Sequence[Outline], matrix: NDArray[np.float64], canvas: tuple[int, int]
) -> NDArray[np.float32]:
    """Tight boxes ``[m, 4]`` of the transformed outlines, clipped to the canvas."""
    limit = np.array([canvas[1], canvas[0]] * 2, dtype=np.float32)
    boxes = []
    for outline in outlines:
        points = outline @ matrix[:, :2].T + matrix[:, 2]
        whole = np.concatenate([points.min(0), points.max(0)])
        clipped = np.clip(whole, 0, limit)
        if _area(clipped) > VISIBLE * _area(whole):
            boxes.append(clipped)
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def _area(box: NDArray[np.floating]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _expose(
    image: NDArray[np.uint8], settings: Augmentation, random: np.random.Generator
) -> NDArray[np.uint8]:
    levels = np.linspace(0, 1, 256)
    curve = levels ** np.exp(random.uniform(*np.log(settings.gamma)))
    contrast, centre = random.uniform(*settings.contrast), random.uniform(0.3, 0.6)
    curve = np.clip((curve - centre) * contrast + centre, 0, 1)
    image = np.asarray(cv2.LUT(image, (curve * 255).astype(np.uint8)), dtype=np.uint8)
    if random.random() < settings.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), random.uniform(0.4, 1.2)), np.uint8)
    if random.random() < settings.noise:
        grain = random.standard_normal(image.shape, dtype=np.float32) * random.uniform(2, 10)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if random.random() < settings.erase:
        image = _erase(image, random)
    return image


def _erase(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    height, width = image.shape
    tall, wide = (int(side * random.uniform(0.02, 0.15)) for side in (height, width))
    top, left = int(random.integers(height - tall)), int(random.integers(width - wide))
    erased = image.copy()
    erased[top : top + tall, left : left + wide] = random.integers(256)
    return erased
