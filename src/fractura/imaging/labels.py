"""Find places for the labels of boxes, so that nothing worth seeing is hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Corners = tuple[int, int, int, int]
Size = tuple[int, int]


def place_labels(
    boxes: Sequence[Corners], sizes: Sequence[Size], picture: Size, gap: int
) -> list[Corners]:
    """One rectangle for each label, inside the picture and next to its box.

    Each label in turn takes that of 24 places around its box which covers the smallest share of
    boxes and of labels placed before; among equals the nearest, and above before below before
    beside.

    Args:
        boxes: ``(left, top, right, bottom)`` in pixels, half open.
        sizes: ``(width, height)`` of each label, in pixels.
        picture: ``(width, height)``; labels that are larger start at its left or top edge.
        gap: pixels between a box and its label.
    """
    obstacles = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    taken: list[Corners] = []
    for box, size in zip(boxes, sizes, strict=True):
        places = _places(box, size, picture, gap)
        rings = np.repeat(np.arange(len(places) // 8), 8)
        labels = np.array(taken, dtype=np.float64).reshape(-1, 4)
        cost = _covered(places, obstacles) + _covered(places, labels) + 0.01 * rings
        left, top, right, bottom = places[int(np.argmin(cost))].tolist()
        taken.append((left, top, right, bottom))
    return taken


def _places(box: Corners, size: Size, picture: Size, gap: int) -> NDArray[np.int64]:
    left, top, right, bottom = box
    width, height = size
    corners = []
    for ring in range(3):
        away = gap + ring * (height + gap)
        above, below = top - away - height, bottom + away
        before, after = left - away - width, right + away
        corners += [(left, above), (right - width, above), (left, below), (right - width, below)]
        corners += [
            (after, top),
            (after, bottom - height),
            (before, top),
            (before, bottom - height),
        ]
    farthest = np.maximum(np.subtract(picture, size), 0)
    starts = np.clip(np.array(corners, dtype=np.int64), 0, farthest)
    return np.hstack([starts, starts + np.array(size)])


def _covered(places: NDArray[np.int64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each place, the shares of the others' areas that it covers, summed."""
    near = np.maximum(places[:, None, :2], others[None, :, :2])
    far = np.minimum(places[:, None, 2:], others[None, :, 2:])
    overlap = np.prod(np.maximum(far - near, 0), axis=2)
    area = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return np.asarray((overlap / area).sum(axis=1), dtype=np.float64)
