"""Changed versions of one radiograph, and where everything in it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Boxes

Pixels = NDArray[np.float32]
Array = NDArray[np.float64]

LEAST_SHOWN = 0.5
"""A box of which less than this share is left in view is no longer asked for."""


@dataclass(frozen=True, eq=False)
class View:
    """A changed radiograph.

    Attributes:
        pixels: float32 ``[h, w]`` in 0..1.
        matrix: ``[2, 3]``, from places in the source, ``(x, y, 1)``, to places in ``pixels``. Both
            are continuous: a pixel covers 0 to 1.
        window: ``[4]``, x_min, y_min, x_max, y_max in ``pixels`` of what can still be seen.
    """

    pixels: Pixels
    matrix: Array
    window: Array


def unmoved(pixels: NDArray[Any], border: float = 0) -> View:
    """Grey values ``[h, w]`` that stayed where they were; a border in pixels shows nothing."""
    height, width = pixels.shape
    window = np.array([border, border, width - border, height - border], dtype=np.float64)
    return View(unit(pixels), np.eye(2, 3), window)


def warped(pixels: Pixels, matrix: Array, size: tuple[int, int] | None = None) -> View:
    """Move by an affine map; what comes from outside is 0.

    Args:
        pixels: ``[h, w]``.
        matrix: ``[2, 3]``, as a :class:`View`'s.
        size: height and width of the result; the source's if left out.
    """
    height, width = size or pixels.shape
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    moved = cv2.warpAffine(pixels, centred, (width, height), flags=cv2.INTER_LINEAR)
    return View(unit(moved), matrix, np.array([0, 0, width, height], dtype=np.float64))


def rotated(pixels: Pixels, degrees: float) -> View:
    """Turn around the middle, anticlockwise, in the same frame."""
    return warped(pixels, _around_middle(pixels, degrees, 1))


def zoomed(pixels: Pixels, factor: float) -> View:
    """Enlarge around the middle, in the same frame."""
    return warped(pixels, _around_middle(pixels, 0, factor))


def mirrored(pixels: Pixels) -> View:
    """Swap left and right."""
    height, width = pixels.shape
    flipped = np.ascontiguousarray(pixels[:, ::-1])
    matrix = np.array([[-1, 0, width], [0, 1, 0]], dtype=np.float64)
    return View(flipped, matrix, np.array([0, 0, width, height], dtype=np.float64))


def placed(pixels: Pixels, left: int, top: int, size: tuple[int, int]) -> View:
    """Put the source's top left corner at ``(left, top)``, negative ones too, of a black frame."""
    matrix = np.array([[1, 0, left], [0, 1, top]], dtype=np.float64)
    return warped(pixels, matrix, size)


def scaled(pixels: Pixels, factor: float) -> View:
    """Resample to ``factor`` times as many pixels a side."""
    height, width = pixels.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resampled = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.float32)
    matrix = np.array([[size[0] / width, 0, 0], [0, size[1] / height, 0]], dtype=np.float64)
    return View(resampled, matrix, np.array([0, 0, *size], dtype=np.float64))


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    """What is left of grey values ``[h, w]`` after 8-bit JPEG compression."""
    levels = np.rint(pixels * 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / np.float32(255)


def unit(pixels: NDArray[Any]) -> Pixels:
    """Grey values cut to 0..1."""
    return np.asarray(np.clip(pixels, 0, 1), dtype=np.float32)


def moved(corners: Array, matrix: Array) -> Array:
    """Boxes ``[m, 4]`` under an affine map ``[2, 3]``, ``[m, 4]``.

    A turned box is the tight upright one around the turned ellipse that the box held, which is
    closer to what an expert would draw than the one around its corners (Kalra et al. 2021,
    arXiv 2109.13488). Without a turn it is exact.
    """
    centres = (corners[:, :2] + corners[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    halves = np.sqrt(((corners[:, 2:] - corners[:, :2]) / 2) ** 2 @ (matrix[:, :2] ** 2).T)
    return np.concatenate([centres - halves, centres + halves], axis=1)


def shown_truths(truths: Boxes, view: View) -> Array:
    """The true boxes of one radiograph in a view of it, cut to its window, ``[k, 4]``.

    Boxes with outlines are tight around them. Those of which less than :data:`LEAST_SHOWN` is in
    the window are left out.
    """
    whole = moved(truths.corners, view.matrix)
    for index, polygons in enumerate(truths.outlines or ()):
        if polygons:
            points = np.concatenate([np.asarray(polygon, np.float64) for polygon in polygons])
            points = points @ view.matrix[:, :2].T + view.matrix[:, 2]
            whole[index] = [*points.min(0), *points.max(0)]
    low, high = np.tile(view.window[:2], 2), np.tile(view.window[2:], 2)
    cut = np.clip(whole, low, high)
    area, left = _areas(whole), _areas(cut)
    return np.asarray(cut[(left > 0) & (left >= LEAST_SHOWN * area)])


def _areas(corners: Array) -> Array:
    return np.asarray((corners[:, 2:] - corners[:, :2]).prod(1))


def _around_middle(pixels: Pixels, degrees: float, factor: float) -> Array:
    height, width = pixels.shape
    return np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), degrees, factor))
