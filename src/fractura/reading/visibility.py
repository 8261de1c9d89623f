"""Whether there is anything to see in a picture, before any network is asked."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.findings import Reason

TOO_LITTLE = Reason(
    "too-little-to-see", "the picture is blank, nearly uniform or saturated almost everywhere"
)

CELLS = 16
"""Cells along each side whose mean grey values are compared."""
LEAST_SPAN = 0.03
"""Span of the cells' grey values, in 0..1, below which a picture is uniform."""
NOISE = 0.5
"""A span of less than so many standard deviations of what lies within the cells is noise."""
SATURATED = 0.985
"""Share of pixels of one grey value from which nothing is left to see."""


def shows_too_little(pixels: NDArray[np.float32]) -> bool:
    """Whether pixels ``[H, W]`` in 0..1 are blank, nearly uniform, mere noise, or saturated."""
    height, width = pixels.shape
    size = (min(CELLS, width), min(CELLS, height))
    cells = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    low, high = np.percentile(cells, (1, 99))
    span = float(high - low)
    if span < LEAST_SPAN:
        return True
    smooth = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
    if span < NOISE * float((pixels - smooth).std()):
        return True
    counts = np.histogram(pixels, bins=256, range=(0, 1))[0]
    return bool(counts.max() >= SATURATED * pixels.size)
