"""Whether two pictures are one exposure: lay one upon the other and compare their detail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.keypoints import (
    Features,
    changed_picture,
    unit,
)
from fractura.datasets.audit.pictures import Picture

SAME_EXPOSURE = 0.95
"""Similarity from which two pictures count as one exposure."""

_LIKE = 0.75
_FAR = 10.0
_NEAR = 3.0
_FEWEST = 5
_TRIALS = 3
_STRETCH = 1.03
_UNSURE = 0.15
_MOST_SCALE = 4.0
_CORNER = 0.02
_FINE = 1.0
_WINDOW = 2.0
_NOISE = 0.5
_STRUCTURE = 4.0
_SMALLEST = 300
_OVERLAP = 0.4
_SHARED = 0.3
_QUARTER = 0.25

Affine = NDArray[np.float64]
Grey = NDArray[np.float32]
Places = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Match:
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
        return _scale(self.transform)


def compare(
    first: Picture,
    second: Picture,
    first_features: Features,
    second_features: Features,
    variants: tuple[int, ...],
) -> Match | None:
    """The best match of two pictures, or ``None`` where no variant can be laid upon the other."""
    best = None
    for variant in variants:
        transform = register(first_features.changed(variant), second_features)
        if transform is None:
            continue
        alike = similarity(changed_picture(first, variant), second, transform)
        if best is None or alike > best.similarity:
            best = Match(alike, variant, transform)
    return best


def register(first: Features, second: Features) -> Affine | None:
    """The map that lays most keypoints of one picture upon like ones of another.

    Every pair of keypoints that are each other's most alike proposes a map by itself, from its
    two places, sizes and directions (Lowe 2004, section 7.3). The proposals on which most pairs
    agree are fitted to these pairs by least squares. Nothing is drawn by chance.

    One exposure can only have been turned, scaled and cropped, or its whole frame stretched to
    another format. Between two exposures the limb has turned a little in space, which shears its
    picture: then there is no map.
    """
    if min(len(first.places), len(second.places)) < _FEWEST:
        return None
    alike = unit(first.descriptors) @ unit(second.descriptors).T
    partner = alike.argmax(axis=1)
    ours = np.arange(len(partner))
    kept = (alike.argmax(axis=0)[partner] == ours) & (alike[ours, partner] > _LIKE)
    if kept.sum() < _FEWEST:
        return None
    partner = partner[kept]
    before = first.places[kept].astype(np.complex128)
    after = second.places[partner].astype(np.complex128)
    turn = second.sizes[partner] / first.sizes[kept]
    shift = after - turn * before
    near = np.abs(turn[:, None] * before + shift[:, None] - after) < _FAR
    best, most = None, _FEWEST - 1
    for trial in np.argsort(-near.sum(axis=1), kind="stable")[:_TRIALS]:
        transform, agreeing = _fit(before, after, near[trial], first.shape, second.shape)
        if transform is not None and agreeing > most:
            best, most = transform, agreeing
    return best


def _fit(
    before: Places,
    after: Places,
    near: NDArray[np.bool_],
    shape: tuple[int, int],
    other: tuple[int, int],
) -> tuple[Affine | None, int]:
    """The map of the pairs that are ``near`` and of those that then agree; how many these are."""
    transform, agreeing = _settle(_rigid, before, after, near)
    sheared, many = _settle(_affine, before, after, near)
    if sheared is not None and _stretch(sheared) > 1.15:
        transform, agreeing = sheared, many
        if not _fills(sheared, shape, other):
            return None, 0
    if transform is None or not 1 / _MOST_SCALE < _scale(transform) < _MOST_SCALE:
        return None, 0
    return transform, agreeing


def _settle(
    fit: Callable[[Places, Places], Affine], before: Places, after: Places, near: NDArray[np.bool_]
) -> tuple[Affine | None, int]:
    transform = None
    for distance in (2 * _NEAR, _NEAR, _NEAR):
        if near.sum() < _FEWEST:
            return None, 0
        transform = fit(before[near], after[near])
        near = np.abs(_apply(transform, before) - after) < distance
    return transform, int(near.sum())


def _stretch(transform: Affine) -> float:
    """How much longer a circle becomes in one direction than in the other."""
    longest, shortest = np.linalg.svd(transform[:, :2], compute_uv=False)
    return float(longest / max(shortest, 1e-9))


def _scale(transform: Affine) -> float:
    """Magnification; 0 if the map mirrors."""
    return float(np.sqrt(max(np.linalg.det(transform[:, :2]), 0.0)))


def _affine(before: Places, after: Places) -> Affine:
    points = np.stack([before.real, before.imag, np.ones(len(before))], axis=1)
    targets = np.stack([after.real, after.imag], axis=1)
    return np.asarray(np.linalg.lstsq(points, targets, rcond=None)[0].T, dtype=np.float64)


def _rigid(before: Places, after: Places) -> Affine:
    """Rotation, magnification and shift."""
    centred = before - before.mean()
    turn = np.vdot(centred, after) / np.vdot(centred, centred).real
    shift = after.mean() - turn * before.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def _apply(transform: Affine, places: Places) -> Places:
    x, y = transform @ np.stack([places.real, places.imag, np.ones(len(places))])
    return np.asarray(x + 1j * y, dtype=np.complex128)


def _fills(transform: Affine, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a map lays a frame ``(rows, columns)`` exactly upon another."""
    (rows, columns), (height, width) = before, after
    corners = np.array([0, columns, 1j * rows, columns + 1j * rows])
    wanted = np.array([0, width, 1j * height, width + 1j * height])
    return bool(np.abs(_apply(transform, corners) - wanted).max() < _CORNER * max(after))


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
    scale = _scale(transform)
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
