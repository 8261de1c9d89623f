"""Small grey versions of radiographs, on which pictures are compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fractura.imaging.preprocess import resize_long_side

Picture = NDArray[np.uint8]
"""``[h, w]``, from :func:`shrink`."""

PICTURE_SIDE = 192
"""Pixels of a picture's longer side."""

_PERCENTILES = (0.5, 99.5)


def shrink(pixels: NDArray[np.float32]) -> Picture:
    """A radiograph ``[H, W]`` as a picture, uint8 ``[h, w]`` with longer side ``PICTURE_SIDE``.

    Pixels are averaged over their area; grey values between two percentiles of the picture are
    stretched to 0..255. A constant radiograph becomes zero.
    """
    small = resize_long_side(pixels, PICTURE_SIDE)
    low, high = np.percentile(small, _PERCENTILES)
    span = float(high - low)
    if not span > 1e-6:
        return np.zeros(small.shape, dtype=np.uint8)
    stretched = np.clip((small - np.float32(low)) * np.float32(255 / span), 0, 255)
    return np.asarray(np.rint(stretched), dtype=np.uint8)
