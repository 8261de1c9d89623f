"""Marks as annotation tools store them: turned, of the stored picture, or as fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from fractura.datasets.sources.folder import head_of
from fractura.findings import Box


class MarkError(ValueError):
    """What is marked cannot be placed; says why."""


def turned(box: Box, degrees: float) -> Box:
    """The upright box around a box that is turned clockwise around its middle.

    So CVAT and others store rotated boxes: corners as if not turned, and the angle beside them.
    """
    if degrees % 360 == 0:
        return box
    angle = math.radians(degrees)
    across, down = abs(math.cos(angle)), abs(math.sin(angle))
    half_width = (box.width * across + box.height * down) / 2
    half_height = (box.width * down + box.height * across) / 2
    x, y = (box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2
    return Box(x - half_width, y - half_height, x + half_width, y + half_height)


def check_pixels(box: Box) -> None:
    """Refuse a box whose corners seem to be fractions of the image's sides.

    Raises:
        MarkError: all of it lies in the first pixel.
    """
    if 0 < box.x_max <= 1 and 0 < box.y_max <= 1:
        raise MarkError("its box lies in the first pixel; are its corners fractions?")


def to_upright(
    boxes: Sequence[Box], path: Path, stated: tuple[int | None, int | None]
) -> list[Box]:
    """Boxes in the picture as it is shown, whose file may say that it must be turned for that.

    Tools mark the picture as it is shown or as it is stored. Of a quarter turn the stated size
    tells which, unless a box then lies outside; of other turns nothing does.

    Args:
        boxes: of one image, in pixels of the picture as the annotation tool saw it.
        path: the image; EXIF's orientation counts (Exif 2.32, tag 0x0112).
        stated: width and height of the picture by the annotations, where they tell.

    Raises:
        MarkError: nothing tells how the tool saw the picture.
    """
    head = head_of(path)
    if head is None or head.orientation == 1:
        return list(boxes)
    orientation = head.orientation
    shown, stored = (head.width, head.height), (head.height, head.width)
    if orientation >= 5 and shown != stored:
        in_shown, in_stored = (all(_inside(box, size) for box in boxes) for size in (shown, stored))
        if in_shown and (stated == shown or not in_stored):
            return list(boxes)
        if in_stored and (stated == stored or not in_shown):
            return [_turned_to(box, orientation, *stored) for box in boxes]
    raise MarkError(
        "its file is turned by EXIF, and nothing tells whether the marks are of the picture as it "
        "is stored or as it is shown"
    )


def _inside(box: Box, size: tuple[int, int]) -> bool:
    return box.x_max <= size[0] + 1 and box.y_max <= size[1] + 1


def _turned_to(box: Box, orientation: int, width: int, height: int) -> Box:
    """From the stored picture of this size to the shown one, for orientations 5 to 8."""
    corners = [(box.x_min, box.y_min), (box.x_max, box.y_max)]
    moved = [
        {
            5: (y, x),
            6: (height - y, x),
            7: (height - y, width - x),
            8: (y, width - x),
        }[orientation]
        for x, y in corners
    ]
    xs, ys = zip(*moved, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))
