"""Whether two pictures are one exposure: lay one upon the other and compare their detail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.keypoints import MIRRORED, Features, changed_picture
from fractura.datasets.audit.pictures import Picture
from fractura.datasets.audit.registration import Affine, magnification, register

SAME_EXPOSURE = 0.95
"""Similarity from which two pictures count as one exposure."""

_FINE = 1.0
"""Pixels (sigma) of the blur that removes noise and compression."""
_WINDOW = 2.0
"""Pixels (sigma) of the window under which grey values are correlated."""
_NOISE = 0.5
"""Variance in grey values, added so that flat places do not correlate by chance."""
_STRUCTURE = 4.0
"""Grey values of standard deviation from which a place has structure."""
_SMALLEST = 300
"""Structured pixels that are needed."""
_OVERLAP = 0.4
_SHARED = 0.3
_QUARTER = 0.25

Grey = NDArray[np.float32]
Onto = tuple[tuple[float, float, float], tuple[float, float, float]]
"""The two rows of a map from x and y, as shares of a frame, to those of another frame."""


@dataclass(frozen=True, slots=True)
class PictureMatch:
    """How one picture lies upon another.

    Attributes:
        similarity: 0..1, see :func:`similarity`.
        variant: what was done to the first picture before it was laid upon the second.
        transform: float64 ``[2, 3]``, from pixels of the changed first to those of the second.
    """

    similarity: float
    variant: int
    transform: Affine

    @property
    def rotation(self) -> float:
        """Degrees counter-clockwise, -180..180."""
        (a, b, _), (c, d, _) = self.transform
        return float(np.degrees(np.arctan2(b - c, a + d)))

    @property
    def scale(self) -> float:
        """Magnification."""
        return magnification(self.transform)

    def in_shares(self, first: tuple[int, int], second: tuple[int, int]) -> Onto:
        """Where a point of the unchanged first lies in the second, both as shares of their frames.

        Args:
            first, second: rows and columns of the pictures.
        """
        to_pixels, from_pixels = _to_centres(first), np.linalg.inv(_to_centres(second))
        if self.variant & MIRRORED:
            to_pixels[0] = [-first[1], 0, first[1] - 0.5]
        between = np.vstack([self.transform, [0, 0, 1]])
        (a, b, c), (d, e, f), _ = (from_pixels @ between @ to_pixels).tolist()
        return (a, b, c), (d, e, f)


def _to_centres(shape: tuple[int, int]) -> Affine:
    """From shares of a frame to pixels whose centres have whole numbers, ``[3, 3]``."""
    rows, columns = shape
    return np.array([[columns, 0, -0.5], [0, rows, -0.5], [0, 0, 1]], dtype=np.float64)


def compare(
    first: Picture,
    second: Picture,
    first_features: Features,
    second_features: Features,
    variants: tuple[int, ...],
) -> PictureMatch | None:
    """The best match of two pictures, or ``None`` where no variant can be laid upon the other."""
    best = None
    for variant in variants:
        transform = register(first_features.changed(variant), second_features)
        if transform is None:
            continue
        alike = similarity(changed_picture(first, variant), second, transform)
        if best is None or alike > best.similarity:
            best = PictureMatch(alike, variant, transform)
    return best


def similarity(first: Picture, second: Picture, transform: Affine) -> float:
    """The correlation of fine detail that three quarters of the structured pixels exceed, 0..1.

    The first picture is laid upon the second (the sharper upon the coarser). Around every pixel
    that both cover, their grey values are correlated under a Gaussian window, so that gamma,
    contrast and exposure hardly matter, nor what lies elsewhere. Only pixels count around which
    both pictures have structure: black background, saturated areas and collimation do not. Of
    the pixels' correlations the lower quartile is taken: different hands share the course of
    strong edges, and fail in the rest. 0 if the overlap is under 40 % of the smaller picture, or
    if under 30 % of what has structure in one has it in both: then a frame or a label is shared.
    """
    upper, lower = first.astype(np.float32), second.astype(np.float32)
    scale = magnification(transform)
    if scale > 1:
        upper, lower, scale = lower, upper, 1 / scale
        transform = np.asarray(cv2.invertAffineTransform(transform), dtype=np.float64)
    if scale < 0.8:
        upper = _blur(upper, 0.5 * float(np.sqrt(1 / scale**2 - 1)))
    size = (lower.shape[1], lower.shape[0])
    laid = np.asarray(cv2.warpAffine(upper, transform, size), dtype=np.float32)
    covered = cv2.warpAffine(np.ones_like(upper), transform, size) > 0.999
    if covered.sum() < _OVERLAP * min(upper.size * scale**2, lower.size):
        return 0.0
    correlation, ours, theirs = _detail(laid, lower, covered.astype(np.float32))
    inside = cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    either = (np.maximum(ours, theirs) > _STRUCTURE) & inside
    both = (np.minimum(ours, theirs) > _STRUCTURE) & inside
    if both.sum() < max(_SMALLEST, _SHARED * either.sum()):
        return 0.0
    return float(np.clip(np.quantile(correlation[both], _QUARTER), 0, 1))


def _detail(first: Grey, second: Grey, covered: Grey) -> tuple[Grey, Grey, Grey]:
    """Around every pixel: the correlation, and both standard deviations in grey values."""
    ours, theirs = _blur(first, _FINE) * covered, _blur(second, _FINE) * covered
    weight = _blur(covered, _WINDOW) + 1e-6
    mean, other = _blur(ours, _WINDOW) / weight, _blur(theirs, _WINDOW) / weight
    variance = np.maximum(_blur(ours * ours, _WINDOW) / weight - mean * mean, 0)
    other_variance = np.maximum(_blur(theirs * theirs, _WINDOW) / weight - other * other, 0)
    shared = _blur(ours * theirs, _WINDOW) / weight - mean * other
    correlation = shared / np.sqrt((variance + _NOISE) * (other_variance + _NOISE))
    return correlation, np.sqrt(variance), np.sqrt(other_variance)


def _blur(pixels: Grey, sigma: float) -> Grey:
    return np.asarray(
        cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), dtype=np.float32
    )
