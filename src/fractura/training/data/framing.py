"""Random framing of 8-bit images: parts of them enlarged, and margins as exports add them.

Elsewhere a limb fills the frame, or lies in a wide black border. Both keep the longer side, so
that what follows sees images of one size.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from fractura.training.data.segments import Image, Outline
from fractura.training.recipe import Augmentation

LEAST_ZOOM = 1.1
UNMARKED_ZOOM = 1.35
"""Most that an image is enlarged whose fractures are not marked: cutting might lose them."""
CENTRED = 0.85
"""Share of the crops of an image with marks that hold one of them."""
TRIES = 6
"""Places that are looked at for a crop without a mark; the brightest, where bone is, is taken."""
WIDEST_MARGIN = 0.35
"""Of the image's side."""
SIDED = 0.6
"""Chance that a margin is added on each side."""


def reframe(
    image: Image,
    outlines: Sequence[Outline],
    settings: Augmentation,
    random: np.random.Generator,
    *,
    whole: bool = False,
) -> tuple[Image, list[Outline]]:
    """Crop and add margins by the chances in ``settings``.

    Args:
        image: uint8 ``[h, w]``.
        outlines: float32 ``[n, 2]`` (x, y) in its pixels.
        settings: ``crop``, ``crop_zoom``, ``margin``.
        random: source of all randomness.
        whole: the image shows a fracture that nothing marks, so that hardly anything may be cut
            away.

    Returns:
        The image and the outlines in its pixels; some may lie outside.
    """
    marks = list(outlines)
    if random.random() < settings.crop:
        zoom = min(settings.crop_zoom, UNMARKED_ZOOM) if whole else settings.crop_zoom
        image, marks = crop(image, marks, zoom, random)
    if random.random() < settings.margin:
        image, marks = add_margin(image, marks, random)
    return image, marks


def crop(
    image: Image, outlines: Sequence[Outline], most: float, random: np.random.Generator
) -> tuple[Image, list[Outline]]:
    """A part, enlarged up to ``most`` times; most often one with a marked fracture."""
    height, width = image.shape
    zoom = float(np.exp(random.uniform(np.log(LEAST_ZOOM), np.log(max(most, LEAST_ZOOM)))))
    stretch = float(np.exp(random.uniform(-0.2, 0.2)))
    rows = min(height, max(8, round(height / zoom * stretch)))
    columns = min(width, max(8, round(width / zoom / stretch)))
    if outlines and random.random() < CENTRED:
        mark = outlines[int(random.integers(len(outlines)))]
        low, high = mark.min(0), mark.max(0)
        columns = max(columns, min(width, int((high[0] - low[0]) * 1.3) + 4))
        rows = max(rows, min(height, int((high[1] - low[1]) * 1.3) + 4))
        middle = (low + high) / 2
        left = int(np.clip(middle[0] - columns * random.uniform(0.2, 0.8), 0, width - columns))
        top = int(np.clip(middle[1] - rows * random.uniform(0.2, 0.8), 0, height - rows))
    else:
        left, top = _bright(image, rows, columns, random)
    part = image[top : top + rows, left : left + columns]
    return _to_side(part, [mark - np.array([left, top], np.float32) for mark in outlines], image)


def add_margin(
    image: Image, outlines: Sequence[Outline], random: np.random.Generator
) -> tuple[Image, list[Outline]]:
    """A margin of one grey value, mostly black, on some sides."""
    height, width = image.shape
    top, bottom, left, right = (
        int(random.uniform(0, WIDEST_MARGIN) * side) * int(random.random() < SIDED)
        for side in (height, height, width, width)
    )
    grey = int(random.choice([0, 0, 0, 0, 255, int(random.integers(256))]))
    wider = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=grey)
    moved = [mark + np.array([left, top], np.float32) for mark in outlines]
    return _to_side(np.asarray(wider, np.uint8), moved, image)


def _bright(image: Image, rows: int, columns: int, random: np.random.Generator) -> tuple[int, int]:
    height, width = image.shape
    places = [
        (int(random.integers(width - columns + 1)), int(random.integers(height - rows + 1)))
        for _ in range(TRIES)
    ]
    return max(
        places,
        key=lambda place: float(
            image[place[1] : place[1] + rows : 8, place[0] : place[0] + columns : 8].mean()
        ),
    )


def _to_side(
    part: Image, outlines: Sequence[Outline], before: Image
) -> tuple[Image, list[Outline]]:
    """Resize to the longer side that the image had ``before``."""
    scale = max(before.shape) / max(part.shape)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    resized = np.asarray(cv2.resize(part, size, interpolation=way), np.uint8)
    factor = np.array([size[0] / part.shape[1], size[1] / part.shape[0]], np.float32)
    return resized, [mark * factor for mark in outlines]
