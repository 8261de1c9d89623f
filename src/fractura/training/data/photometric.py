"""Random changes of the grey values of 8-bit images."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.training.data.processing import burn_in, downsample, unsharp
from fractura.training.recipe import Augmentation

Image = NDArray[np.uint8]


def photometric(image: Image, settings: Augmentation, random: np.random.Generator) -> Image:
    """Draw one variant of uint8 ``[h, w]``; with every change switched off, the image itself.

    In this order: edge enhancement, low resolution, local equalisation, gamma and contrast, blur,
    noise, words, JPEG, inversion, and one rectangle painted over. Everything comes before the
    percentile stretch of
    :func:`fractura.imaging.preprocess.standardize`, as it would in a file.
    """
    if random.random() < settings.unsharp:
        image = unsharp(image, random)
    if random.random() < settings.downsample:
        image = downsample(image, random)
    if random.random() < settings.clahe:
        limit = float(random.uniform(1, 4))
        image = np.asarray(cv2.createCLAHE(limit, (8, 8)).apply(image), np.uint8)
    image = np.asarray(cv2.LUT(image, curve(settings, random)), np.uint8)
    if random.random() < settings.blur:
        deviation = float(random.uniform(0.4, 1.2))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), deviation), np.uint8)
    if random.random() < settings.noise:
        grain = random.standard_normal(image.shape, dtype=np.float32)
        image = _rounded(image + grain * np.float32(random.uniform(2, 10)))
    if random.random() < settings.burned_in:
        image = burn_in(image, random)
    if random.random() < settings.jpeg:
        quality = int(random.integers(30, 91))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    if random.random() < settings.invert:
        image = 255 - image
    if random.random() < settings.random_erasing:
        image = erase(image, random)
    return image


def curve(settings: Augmentation, random: np.random.Generator) -> Image:
    """New grey value ``[256]`` of each old one: a gamma, then a contrast around a random level."""
    levels = np.linspace(0, 1, 256) ** np.exp(random.uniform(*np.log(settings.gamma)))
    contrast, centre = random.uniform(*settings.contrast), random.uniform(0.3, 0.6)
    return _rounded(((levels - centre) * contrast + centre) * 255)


def erase(image: Image, random: np.random.Generator) -> Image:
    """Paint one rectangle of 2 to 15 % of each side (DeVries and Taylor 2017, arXiv 1708.04552)."""
    height, width = image.shape
    tall, wide = (max(1, int(side * random.uniform(0.02, 0.15))) for side in (height, width))
    top, left = int(random.integers(height - tall + 1)), int(random.integers(width - wide + 1))
    erased = image.copy()
    erased[top : top + tall, left : left + wide] = random.integers(256)
    return erased


def _rounded(values: NDArray[np.floating]) -> Image:
    return np.asarray(np.rint(np.clip(values, 0, 255)), dtype=np.uint8)
