"""Radiographs as other hospitals might take, cut, process and store them."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from fractura.imaging.preprocess import PreprocessConfig
from fractura.training.data.augment import augment
from fractura.training.data.segments import Image
from fractura.training.recipe import Augmentation

CHANGES = Augmentation(
    rotation=30,
    quarter_turn=0.4,
    horizontal_flip=0.5,
    scale=(0.8, 1.25),
    translation=0.08,
    gamma=(0.6, 1.7),
    contrast=(0.7, 1.4),
    clahe=0.2,
    blur=0.2,
    noise=0.2,
    jpeg=0.2,
    unsharp=0.35,
    downsample=0.2,
    burned_in=0.2,
    crop=0.6,
    crop_zoom=2.5,
    margin=0.3,
)


def as_elsewhere(image: Image, config: PreprocessConfig, seed: int) -> Tensor:
    """A changed view ``[1, 1, H, W]`` of an image ``[h, w]``, ready for a network.

    Args:
        image: uint8, bone bright.
        config: of the network; the longer side is its ``long_side``.
        seed: 0 or more; everything random follows from it.
    """
    share = config.long_side / max(image.shape)
    height, width = (max(1, round(side * share)) for side in image.shape)
    sized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    frame = (config.long_side, config.long_side * 7 // 8)
    return augment(sized, [], frame, config, CHANGES, seed)[0][None]


def strongly_equalised(image: Image, random: np.random.Generator) -> Image:
    """A part of an image ``[h, w]``, coarse and equalised locally far beyond habit."""
    share = random.uniform(0.45, 1)
    size = tuple(max(8, round(side * share)) for side in image.shape[::-1])
    coarse = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    tiles = int(random.integers(2, 12))
    clip = float(np.exp(random.uniform(np.log(3), np.log(40))))
    equal = cv2.createCLAHE(clip, (tiles, tiles)).apply(coarse)
    rows, columns = (max(8, int(side * random.uniform(0.35, 1))) for side in equal.shape)
    top = int(random.integers(equal.shape[0] - rows + 1))
    left = int(random.integers(equal.shape[1] - columns + 1))
    return equal[top : top + rows, left : left + columns].astype(np.uint8)
