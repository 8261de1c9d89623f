"""The one way from a radiograph to a network's input, used in training, export and inference.

Whoever trains, exports or reads goes through the same three steps: :func:`resize_long_side`,
:func:`standardize` and :func:`pad`. Their parameters travel in the ONNX file's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PreprocessConfig:
    """How a network wants its radiographs.

    Attributes:
        long_side: pixels of the longer side after resizing; the aspect ratio is kept.
        multiple: height and width are padded with zeros, right and below, to a multiple of this.
        percentiles: grey values at these percentiles of the image become 0 and 1.
        mean, std: subtracted from, then dividing, the stretched grey values.
    """

    long_side: int = 448
    multiple: int = 32
    percentiles: tuple[float, float] = (0.5, 99.5)
    mean: float = 0.45
    std: float = 0.25


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the source image lies in the network's input.

    ``scale_x`` and ``scale_y`` are input pixels for each source pixel; ``width`` and ``height``
    are the source image's.
    """

    scale_x: float
    scale_y: float
    width: int
    height: int

    def to_source(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes ``[n, 4]`` (x_min, y_min, x_max, y_max) from input to source pixels, clipped."""
        scaled = boxes / np.array([self.scale_x, self.scale_y] * 2, dtype=np.float32)
        limit = np.array([self.width, self.height] * 2, dtype=np.float32)
        return np.asarray(np.clip(scaled, 0, limit), dtype=np.float32)


def resize_long_side(pixels: NDArray[np.float32], long_side: int) -> NDArray[np.float32]:
    """Scale ``[height, width]`` so that its longer side is ``long_side``, anti-aliased."""
    height, width = pixels.shape
    scale = long_side / max(height, width)
    if scale == 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), dtype=np.float32)


def standardize(pixels: NDArray[np.float32], parameters: PreprocessConfig) -> NDArray[np.float32]:
    """Stretch grey values between the percentiles to 0..1, clip, standardise.

    The percentiles are taken on every fourth pixel of every fourth row. A constant image
    becomes zero before standardising. An increasing linear change of all grey values
    (another exposure, another window) leaves the result as it was.
    """
    low, high = np.percentile(pixels[::4, ::4], parameters.percentiles)
    span = float(high - low)
    scale = 1 / span if span > 1e-6 else 0.0
    stretched = np.clip((pixels - np.float32(low)) * np.float32(scale), 0, 1)
    return np.asarray((stretched - parameters.mean) / parameters.std, dtype=np.float32)


def pad(pixels: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """Append zero columns and rows until both sides are multiples of ``multiple``."""
    height, width = pixels.shape
    return np.pad(pixels, ((0, -height % multiple), (0, -width % multiple)))


def preprocess(
    pixels: NDArray[np.float32], parameters: PreprocessConfig
) -> tuple[NDArray[np.float32], Placement]:
    """Turn float32 ``[height, width]`` in 0..1 into a network's input ``[1, 1, H, W]``."""
    height, width = pixels.shape
    small = resize_long_side(pixels, parameters.long_side)
    placement = Placement(small.shape[1] / width, small.shape[0] / height, width, height)
    return pad(standardize(small, parameters), parameters.multiple)[None, None], placement
