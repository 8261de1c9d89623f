"""Image processing as other machines and exports do it, on 8-bit images.

Edge enhancement in one or two frequency bands, low resolution, and burned-in words.
"""

from __future__ import annotations

import cv2
import numpy as np

from fractura.training.data.segments import Image

WORDS = (
    *("L", "R", "LT", "RT", "AP", "LAT", "OBL", "PORTABLE", "STANDING"),
    *("12.03.2019", "M 45Y", "H0042", "kV 55 mAs 3"),
)


def unsharp(image: Image, random: np.random.Generator) -> Image:
    """Unsharp masking of one or two widths, 0.8 to 10 pixels, coarse ones more gently."""
    grey = image.astype(np.float32)
    sharper = grey.copy()
    for _ in range(int(random.integers(1, 3))):
        width = float(np.exp(random.uniform(np.log(0.8), np.log(10))))
        amount = float(random.uniform(0.3, 2.5 if width < 4 else 1.2))
        sharper += amount * (grey - cv2.GaussianBlur(grey, (0, 0), width))
    return np.asarray(np.clip(np.rint(sharper), 0, 255), np.uint8)


def downsample(image: Image, random: np.random.Generator) -> Image:
    """Shrunk 1.3 to 3 times and enlarged again."""
    height, width = image.shape
    factor = random.uniform(1.3, 3)
    size = (max(8, int(width / factor)), max(8, int(height / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    way = int(random.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST], p=_WAYS))
    return np.asarray(cv2.resize(small, (width, height), interpolation=way), np.uint8)


_WAYS = (0.45, 0.45, 0.1)


def burn_in(image: Image, random: np.random.Generator) -> Image:
    """One to three words, near the top or the bottom."""
    written = image.copy()
    height, width = image.shape
    for _ in range(int(random.integers(1, 4))):
        down = random.uniform(0.03, 0.2) if random.random() < 0.5 else random.uniform(0.8, 1)
        place = (int(random.uniform(0, 0.85) * width), int(down * height))
        font, size = int(random.integers(4)), float(random.uniform(0.3, 1.3))
        grey, thick = int(random.integers(120, 256)), int(random.integers(1, 4))
        cv2.putText(written, str(random.choice(WORDS)), place, font, size, grey, thick)
    return written
