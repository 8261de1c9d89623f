"""How one picture can be laid upon another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.keypoints import Features, unit

_LIKE = 0.75
"""Cosine of descriptors from which keypoints may be one."""
_FAR = 10.0
"""Pixels by which a pair of keypoints may miss the map that another pair proposes."""
_NEAR = 3.0
"""Pixels by which it may miss the fitted map."""
_FEWEST = 5
_TRIALS = 3
_MOST_SCALE = 4.0
_CORNER = 0.02
"""Share of a frame by which a stretched frame's corners may miss it."""

Affine = NDArray[np.float64]
"""``[2, 3]``, from x and y of one picture to those of the other, in pixels."""
Places = NDArray[np.complex128]


def register(first: Features, second: Features) -> Affine | None:
    """The map that lays most keypoints of one picture upon like ones of another.

    Every pair of keypoints that are each other's most alike proposes a map by itself, from its
    two places, sizes and directions (Lowe 2004, section 7.3). The proposals on which most pairs
    agree are fitted to these pairs by least squares. Nothing is drawn by chance.

    One exposure can only have been turned, scaled and cropped, or its whole frame stretched to
    another format; other maps are not tried. Between two exposures the limb turns a little in
    space, so that none of these maps lays all of it upon itself.
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


def magnification(transform: Affine) -> float:
    """How much longer lengths become; 0 if the map mirrors."""
    return float(np.sqrt(max(np.linalg.det(transform[:, :2]), 0.0)))


def _fit(
    before: Places,
    after: Places,
    near: NDArray[np.bool_],
    shape: tuple[int, int],
    other: tuple[int, int],
) -> tuple[Affine | None, int]:
    """The map of the pairs that are ``near`` and of those that then agree; how many these are."""
    transform, agreeing = _settle(_rigid, before, after, near)
    stretched, many = _settle(_affine, before, after, near)
    if stretched is not None and many > agreeing and _fills(stretched, shape, other):
        transform, agreeing = stretched, many
    if transform is None or not 1 / _MOST_SCALE < magnification(transform) < _MOST_SCALE:
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


def _affine(before: Places, after: Places) -> Affine:
    points = np.stack([before.real, before.imag, np.ones(len(before))], axis=1)
    targets = np.stack([after.real, after.imag], axis=1)
    return np.asarray(np.linalg.lstsq(points, targets, rcond=None)[0].T, dtype=np.float64)


def _rigid(before: Places, after: Places) -> Affine:
    """Rotation, magnification and shift."""
    centred = before - before.mean()
    turn = np.vdot(centred, after) / max(np.vdot(centred, centred).real, 1e-9)
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
