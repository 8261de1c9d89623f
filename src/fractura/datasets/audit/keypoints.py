"""Local features of a picture, and what mirroring and inversion make of them.

SIFT (Lowe 2004, International Journal of Computer Vision 60:91) with square-rooted descriptors
(Arandjelović and Zisserman 2012, CVPR), on a picture whose contrast CLAHE has evened out. A
descriptor's four rows, four columns and eight directions are measured along the keypoint's own
direction. Mirroring a picture therefore only reverses the rows and the sense of rotation;
inverting it turns every keypoint by 180°, which reverses rows and columns. So the features of a
mirrored or inverted picture follow from those of the picture, without looking at it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.pictures import Picture

MIRRORED = 1
INVERTED = 2
VARIANTS = (0, MIRRORED, INVERTED, MIRRORED | INVERTED)
"""What may have been done to a picture besides turning, scaling and cropping it."""

_LAYOUT = np.arange(128).reshape(4, 4, 8)
_MIRROR = _LAYOUT[::-1][:, :, -np.arange(8) % 8].ravel()
_INVERT = _LAYOUT[::-1, ::-1].ravel()
ORDERS = (np.arange(128), _MIRROR, _INVERT, _MIRROR[_INVERT])
"""For each variant, the order of a descriptor's values in the changed picture."""

MOST = 300
_CODE = 512
"""A descriptor's values lie below 0.5; they are stored as bytes of this many to one."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The keypoints of a picture, the strongest first.

    Attributes:
        places: complex64 ``[n]``, x + iy in pixels.
        sizes: complex64 ``[n]``, diameter in pixels times the unit vector of the direction.
        descriptors: uint8 ``[n, 128]``.
        shape: rows and columns of the picture.
    """

    places: NDArray[np.complex64]
    sizes: NDArray[np.complex64]
    descriptors: NDArray[np.uint8]
    shape: tuple[int, int]

    def changed(self, variant: int) -> Features:
        """The features of the mirrored, inverted picture."""
        places, sizes = self.places, self.sizes
        if variant & MIRRORED:
            places, sizes = self.shape[1] - 1 - places.conj(), -sizes.conj()
        if variant & INVERTED:
            sizes = -sizes
        return Features(places, sizes, self.descriptors[:, ORDERS[variant]], self.shape)


def find_features(picture: Picture) -> Features:
    """At most ``MOST`` features of a picture uint8 ``[h, w]``; none if it is constant."""
    rows, columns = picture.shape
    even = cv2.createCLAHE(3.0, (6, 6)).apply(picture)
    sift = cv2.SIFT.create(
        nfeatures=MOST, contrastThreshold=0.01, edgeThreshold=15, enable_precise_upscale=True
    )
    points, found = sift.detectAndCompute(even, None)
    if not points:
        nothing = np.zeros(0, np.complex64)
        return Features(nothing, nothing, np.zeros((0, 128), np.uint8), (rows, columns))
    strength = np.array([point.response * point.size for point in points])
    order = np.argsort(-strength, kind="stable")[:MOST]
    places = np.array([complex(*point.pt) for point in points], np.complex64)
    angles = np.deg2rad([point.angle for point in points])
    sizes = np.array([point.size for point in points]) * np.exp(1j * angles)
    root = np.sqrt(found / np.maximum(found.sum(axis=1, keepdims=True), 1e-6))
    codes = np.minimum(np.rint(root * _CODE), 255).astype(np.uint8)
    return Features(places[order], sizes[order].astype(np.complex64), codes[order], (rows, columns))


def changed_picture(picture: Picture, variant: int) -> Picture:
    """A picture mirrored, inverted or both."""
    if variant & MIRRORED:
        picture = picture[:, ::-1]
    if variant & INVERTED:
        picture = 255 - picture
    return np.ascontiguousarray(picture)


def unit(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Stored descriptors as vectors of length one."""
    return descriptors.astype(np.float32) / np.float32(_CODE)
