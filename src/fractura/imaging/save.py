"""Write pictures, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.atomic_write import write_whole
from fractura.errors import SaveError


def save_png(path: str | Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write ``[height, width]`` grey or ``[height, width, 3]`` RGB, 8 or 16 bit, as PNG.

    Raises:
        SaveError: where the folder is missing, not writable or full.
    """
    try:
        data = encode_png(image)
    except ValueError as error:
        raise SaveError(f"{path}: {error}") from error
    write_whole(path, data)


def encode_png(image: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """The content of a PNG file; shapes as in :func:`save_png`.

    Raises:
        ValueError: it has another shape.
    """
    stored = image if image.ndim == 2 else image[..., ::-1]
    done, data = cv2.imencode(".png", stored)
    if not done:
        raise ValueError(f"an image of shape {image.shape} cannot be written as PNG")
    return data.tobytes()


def to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values in 0..1 to the nearest of 0..255."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)


def to_16_bit(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Grey values in 0..1 to the nearest of 0..65535."""
    return np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16)
