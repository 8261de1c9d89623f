"""Masks that COCO stores as runs of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Outline
from fractura.findings import Box
from fractura.imaging.limits import MAX_PIXELS


def decode_mask(segmentation: Mapping[str, Any]) -> NDArray[np.uint8]:
    """The mask, 0 or 1, ``[H, W]``, of COCO's ``{"size": [H, W], "counts": …}``.

    Counts are lengths of runs down the columns, of 0 first: a list, or that list packed into a
    string as the COCO API does (``rleFrString`` in github.com/cocodataset/cocoapi, maskApi.c):
    five bits a character from ``"0"`` on, the sixth says that more follow, the last one's fifth is
    the sign, and from the fourth on each count is a difference to the one before the last.

    Raises:
        ValueError: the counts do not fill the size, or it is vast.
    """
    height, width = (int(side) for side in segmentation["size"])
    counts = segmentation["counts"]
    runs = _unpack(counts) if isinstance(counts, str) else [int(count) for count in counts]
    if not 0 < height * width <= MAX_PIXELS or min(height, width) < 1:
        raise ValueError("the mask has an impossible size")
    if min(runs, default=-1) < 0 or sum(runs) != height * width:
        raise ValueError("the runs do not fill the mask")
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return np.repeat(values, runs).reshape(width, height).T


def _unpack(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise ValueError("the packed counts are damaged")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs


def mask_box(mask: NDArray[np.uint8]) -> Box:
    """The tight rectangle around a mask's pixels, edges continuous.

    Raises:
        ValueError: the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("the mask is empty")
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def mask_outlines(mask: NDArray[np.uint8]) -> tuple[Outline, ...]:
    """Polygons through the middles of a mask's outer pixels, one a connected part; no holes."""
    import cv2

    contours, _ = cv2.findContours(
        np.ascontiguousarray(mask), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return tuple(
        tuple((float(x) + 0.5, float(y) + 0.5) for x, y in contour[:, 0])
        for contour in contours
        if len(contour) > 2
    )
