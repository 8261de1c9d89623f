"""Reasons to think that a picture holds text, which header rules cannot remove."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from fractura.errors import LoadError
from fractura.imaging.load import load

LETTERS = 6
"""So many letters in a row count as text; side markers have fewer."""
SIDE = 1024
"""Longer side in pixels at which letters are looked for."""


def reasons_to_look(path: Path, dataset: Dataset) -> tuple[str, ...]:
    """Why a person should look at a picture for names in it; empty if nothing speaks for it.

    The header may say so (PS3.3: Burned In Annotation, Conversion Type, Modality of secondary
    capture, overlays in the pixel data), or a line of letters may be seen. No rule finds all text:
    an empty answer is no promise.
    """
    reasons = []
    if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
        reasons.append("its header says that there is text in the picture")
    if "ConversionType" in dataset or dataset.get("Modality") in ("OT", "SC"):
        reasons.append("it is a secondary capture (a screen, a scan or a film)")
    if any(_is_embedded(dataset, group) for group in range(0x6000, 0x6020, 2)):
        reasons.append("an overlay lies in unused bits of its pixels")
    try:
        pixels = load(path, frame=1).pixels
    except LoadError:
        reasons.append("its pixels cannot be read")
    else:
        lines = text_lines(pixels)
        if lines:
            reasons.append(f"{lines} line{'s' * (lines > 1)} of what may be letters")
    return tuple(reasons)


def _is_embedded(dataset: Dataset, group: int) -> bool:
    """Whether an overlay has a bit position but no data of its own (PS3.3, C.9.2, retired)."""
    position = dataset.get((group, 0x0102))
    return position is not None and bool(position.value) and (group, 0x3000) not in dataset


def text_lines(pixels: NDArray[np.float32]) -> int:
    """How many rows of letters are seen in a picture ``[height, width]`` in 0..1.

    Letters are small connected strokes, much brighter or darker than what is around them, of like
    height, side by side on one line.
    """
    scale = min(1.0, SIDE / max(pixels.shape))
    image = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    if scale < 1:
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
        )
    return max(_lines(image), _lines(255 - image))


def _lines(image: NDArray[np.uint8]) -> int:
    stroke = cv2.morphologyEx(image, cv2.MORPH_TOPHAT, np.ones((15, 15), np.uint8))
    _, binary = cv2.threshold(stroke, 90, 255, cv2.THRESH_BINARY)
    _, _, parts, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    left, top, width, height, area = parts[1:].T
    glyph = (height >= 7) & (height <= 40) & (width >= 2) & (width <= 40)
    glyph &= (area >= 0.15 * width * height) & (area >= 12)
    order = np.argsort(left[glyph])
    boxes = np.column_stack([left, top, width, height])[glyph][order]
    lines = 0
    used = np.zeros(len(boxes), dtype=bool)
    for start in range(len(boxes)):
        if used[start]:
            continue
        chain = [start]
        for index in range(start + 1, len(boxes)):
            if not used[index] and _follows(boxes[chain[-1]], boxes[index]):
                chain.append(index)
        if len(chain) >= LETTERS:
            used[chain] = True
            lines += 1
    return lines


def _follows(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    """Whether a glyph stands to the right of another on the same line, in like size."""
    height = max(one[3], other[3])
    gap = other[0] - (one[0] + one[2])
    baseline = abs((one[1] + one[3]) - (other[1] + other[3]))
    return bool(
        -2 <= gap <= 1.5 * height
        and baseline <= 0.25 * height
        and min(one[3], other[3]) >= 0.6 * height
    )
