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
        trim: margins of one grey value are cut off first, so that padding changes nothing.
    """

    long_side: int = 448
    multiple: int = 32
    percentiles: tuple[float, float] = (0.5, 99.5)
    mean: float = 0.45
    std: float = 0.25
    trim: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the source image lies in the network's input.

    ``scale_x`` and ``scale_y`` are input pixels for each source pixel; ``width`` and ``height``
    are the source image's; ``left``, ``top``, ``right`` and ``bottom`` are what was trimmed off
    there.
    """

    scale_x: float
    scale_y: float
    width: int
    height: int
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @property
    def shown(self) -> tuple[int, int]:
        """Height and width of the part of the source image that the network sees."""
        return self.height - self.top - self.bottom, self.width - self.left - self.right

    def to_input(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes ``[n, 4]`` (x_min, y_min, x_max, y_max) from source to input pixels."""
        moved = boxes - np.array([self.left, self.top] * 2, dtype=np.float32)
        return np.asarray(
            moved * np.array([self.scale_x, self.scale_y] * 2, dtype=np.float32), dtype=np.float32
        )

    def to_source(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes ``[n, 4]`` (x_min, y_min, x_max, y_max) from input to source pixels, clipped."""
        scaled = boxes / np.array([self.scale_x, self.scale_y] * 2, dtype=np.float32)
        scaled = scaled + np.array([self.left, self.top] * 2, dtype=np.float32)
        limit = np.array([self.width, self.height] * 2, dtype=np.float32)
        return np.asarray(np.clip(scaled, 0, limit), dtype=np.float32)


MARGIN = 1.5 / 255
"""Rows and columns whose grey values span less are margins."""


def content(pixels: NDArray[np.float32]) -> tuple[slice, slice]:
    """Rows and columns of ``[height, width]`` inside margins of one grey value; all if only such.

    A margin may have another grey value on each side, but each of its rows or columns one alone.
    """
    top, bottom = _inside(pixels)
    left, right = _inside(pixels[top:bottom].T)
    return slice(top, bottom), slice(left, right)


def _inside(lines: NDArray[np.float32]) -> tuple[int, int]:
    count = len(lines)
    first = next((at for at in range(count) if _varies(lines[at])), None)
    if first is None:
        return 0, count
    last = next(at for at in range(count - 1, -1, -1) if _varies(lines[at]))
    return first, last + 1


def _varies(line: NDArray[np.float32]) -> bool:
    return bool(line.max() - line.min() > MARGIN)


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
    rows, columns = content(pixels) if parameters.trim else (slice(0, height), slice(0, width))
    part = pixels[rows, columns]
    small = resize_long_side(part, parameters.long_side)
    scale_x, scale_y = small.shape[1] / part.shape[1], small.shape[0] / part.shape[0]
    placement = Placement(
        scale_x,
        scale_y,
        width,
        height,
        left=columns.start,
        top=rows.start,
        right=width - columns.stop,
        bottom=height - rows.stop,
    )
    return pad(standardize(small, parameters), parameters.multiple)[None, None], placement
