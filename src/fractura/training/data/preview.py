"""A picture of what training sees."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.imaging.preprocess import PreprocessConfig
from fractura.training.data.epoch import Epoch
from fractura.training.data.plan import Plan, SampleDraw
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Augmentation, Recipe

VARIANTS = 5
GAP = 6
LARGEST = 320
"""Pixels of a panel's longer side, at most."""
FRAME = (255, 214, 10)

Picture = NDArray[np.uint8]


NOTHING = Augmentation(
    rotation=0,
    horizontal_flip=0,
    scale=(1, 1),
    translation=0,
    gamma=(1, 1),
    contrast=(1, 1),
    blur=0,
    noise=0,
)
"""Every augmentation switched off."""


def preview(store: ImageStore, plan: Plan, recipe: Recipe, samples: Sequence[int]) -> Picture:
    """One row for each sample: as it is, then variants that training would see.

    The variants come from the very pipeline that trains, with the boxes of the fractures that
    stay in the frame.

    Args:
        store: the images.
        plan: their labels.
        recipe: frame, config, augmentation and task.
        samples: indices in the store.

    Returns:
        uint8 ``[height, width, 3]`` RGB.
    """
    plain = recipe.model_copy(update={"augmentation": NOTHING})
    epochs = [Epoch(store, plan, 0, plain)]
    epochs += [Epoch(store, plan, number, recipe) for number in range(VARIANTS)]
    rows = [
        np.concatenate([_panel(epoch, SampleDraw(sample, position)) for epoch in epochs], axis=1)
        for position, sample in enumerate(samples)
    ]
    return np.concatenate(rows)


def _panel(epoch: Epoch, draw: SampleDraw) -> Picture:
    item = epoch[draw]
    shades = denormalised(item.image[0].numpy(), epoch.recipe.data.preprocess)
    height, width = shades.shape
    scale = min(1.0, LARGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(shades, size, interpolation=cv2.INTER_AREA)
    picture = np.repeat(small[..., None], 3, axis=2)
    for x_min, y_min, x_max, y_max in (item.boxes * scale).round().int().tolist():
        cv2.rectangle(picture, (x_min, y_min), (x_max, y_max), FRAME, 1)
    return np.pad(picture, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def denormalised(pixels: NDArray[np.float32], config: PreprocessConfig) -> Picture:
    """A network's input ``[H, W]`` as grey values; its padding is the grey of the mean."""
    shades = np.clip(pixels * config.std + config.mean, 0, 1)
    return np.asarray(np.rint(shades * 255), dtype=np.uint8)
