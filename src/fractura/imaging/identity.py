"""When two pictures are the same, however their files are written."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fractura.imaging.save import to_16_bit


def pixels_sha256(pixels: NDArray[np.float32]) -> str:
    """Hexadecimal SHA-256 of grey values ``[h, w]`` in 0..1 (in 16 bits) and their shape."""
    digest = hashlib.sha256(f"{pixels.shape}".encode())
    digest.update(to_16_bit(pixels).tobytes())
    return digest.hexdigest()
