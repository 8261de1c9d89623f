"""Fractures of other radiographs, pasted in (Dwibedi et al. 2017, arXiv 1708.01642).

Detectors see few and small fractures; a pasted one is one more, on another bone.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.training.data.segments import Image, Outline

MARGIN = 0.5
"""Width of the feathered rim, as a share of the fracture's longer side."""
LARGEST = 0.6
"""Of a side of the image, a patch's; larger ones are not pasted."""
PLACES = 200
"""Random places, of which the one that looks most like the patch is taken."""
SHRINK = 4
"""Looks are compared at this fraction of the size."""
SMALLEST = 12
"""Sides of a patch in pixels; smaller ones are not pasted."""
RIM = 2
"""Pixels around the place that the blending needs."""


def paste(
    image: Image,
    outlines: Sequence[Outline],
    donor: Image,
    outline: Outline,
    random: np.random.Generator,
) -> tuple[Image, list[Outline]]:
    """Paste a fracture where the image looks most like its surroundings: on a like bone.

    The patch may be mirrored. It is blended in without a seam. It never touches a fracture that
    is there.

    Args:
        image: uint8 ``[h, w]``.
        outlines: of its fractures.
        donor: the image that has the fracture.
        outline: of that fracture, in pixels of ``donor``.
        random: source of all randomness.

    Returns:
        The image and all its outlines; both as they were where the patch finds no place.
    """
    patch, corners = _cut(donor, outline)
    if random.random() < 0.5:
        patch = patch[:, ::-1]
        corners = np.array([patch.shape[1], 0], np.float32) + corners * np.array([-1, 1], "f4")
    height, width = patch.shape
    rows, columns = image.shape[0] - height, image.shape[1] - width
    too_large = height > LARGEST * image.shape[0] or width > LARGEST * image.shape[1]
    if too_large or min(height, width) < SMALLEST:
        return image, list(outlines)
    tops, lefts = random.integers(0, (rows + 1, columns + 1), (PLACES, 2)).T
    free = [
        (int(top), int(left))
        for top, left in zip(tops, lefts, strict=True)
        if not any(_touches(mark, top, left, height, width) for mark in outlines)
    ]
    if not free:
        return image, list(outlines)
    likeness = _likeness(image, patch)
    top, left = max(free, key=lambda place: likeness[place[0] // SHRINK, place[1] // SHRINK])
    result = image.copy()
    window = result[top : top + height, left : left + width]
    window[:] = _blend(window, patch)
    return result, [*outlines, corners + np.array([left, top], np.float32)]


def somewhere(outline: Outline, image: Image, random: np.random.Generator) -> Outline:
    """An outline of that size around a bright place of an image, where bone is."""
    size = outline.max(0) - outline.min(0)
    smooth = cv2.blur(image, (15, 15))[::8, ::8]
    bright = np.argwhere(smooth >= np.percentile(smooth, 75))
    middle = 8.0 * bright[int(random.integers(len(bright)))][::-1]
    limit = np.array(image.shape[::-1], np.float32)
    low, high = np.clip([middle - size / 2, middle + size / 2], 0, limit)
    return np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)


def _cut(donor: Image, outline: Outline) -> tuple[Image, Outline]:
    """The fracture with a margin, as far as the image goes, and its outline there."""
    low, high = outline.min(0), outline.max(0)
    margin = max(2.0, MARGIN * float((high - low).max()))
    left, top = np.maximum(0, np.floor(low - margin)).astype(int)
    right, bottom = np.ceil(high + margin).astype(int)
    patch = donor[top:bottom, left:right]
    return patch, outline - np.array([left, top], np.float32)


def _touches(outline: Outline, top: int, left: int, height: int, width: int) -> bool:
    (x_min, y_min), (x_max, y_max) = outline.min(0), outline.max(0)
    apart = x_max < left or x_min > left + width or y_max < top or y_min > top + height
    return not apart


def _likeness(image: Image, patch: Image) -> NDArray[np.float32]:
    """Correlation with the patch at each place of its top left corner, ``[rows, columns]``.

    Places darker than the image on average lose 1: bone is bright.
    """
    small, template = (
        cv2.resize(part, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
        for part in (image, patch)
    )
    likeness = np.nan_to_num(cv2.matchTemplate(small, template, cv2.TM_CCOEFF_NORMED))
    brightness = cv2.boxFilter(small, -1, template.shape[::-1], anchor=(0, 0))
    bright = brightness[: likeness.shape[0], : likeness.shape[1]] >= small.mean()
    padded = np.pad(likeness - ~bright, ((0, 1), (0, 1)), mode="edge")
    return np.asarray(padded, dtype=np.float32)


def _blend(window: Image, patch: Image) -> Image:
    """The patch's gradients on the window's rim (Perez et al. 2003, doi 10.1145/882262.882269).

    So the patch has no seam to learn, and the brightness and contrast of the place.
    """
    height, width = window.shape
    inside = np.zeros((height, width), np.uint8)
    centre = (width // 2, height // 2)
    axes = (max(1, width // 2 - 2), max(1, height // 2 - 2))
    cv2.ellipse(inside, centre, axes, 0, 0, 360, 255, -1)
    place = np.asarray(np.pad(window, RIM, mode="edge"), np.uint8)
    source, target = (cv2.cvtColor(part, cv2.COLOR_GRAY2BGR) for part in (patch, place))
    at = (centre[0] + RIM, centre[1] + RIM)
    blended = cv2.seamlessClone(source, target, inside, at, cv2.NORMAL_CLONE)
    return np.asarray(blended[RIM:-RIM, RIM:-RIM, 0], np.uint8)
