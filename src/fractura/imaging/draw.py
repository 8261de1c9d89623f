"""Pictures for people: overlays with frames and a caption, heatmaps, side-by-sides.

All pictures are uint8 ``[height, width, 3]`` RGB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.findings import Finding, Reading
from fractura.imaging.caption import caption
from fractura.imaging.enhance import interpolation
from fractura.imaging.labels import Corners, place_labels
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.save import to_8_bit
from fractura.imaging.style import (
    BLACK,
    DECISION_COLOURS,
    STRIP,
    VERMILLION,
    WHITE,
    YELLOW,
    Colour,
    Picture,
    font,
    px,
    unit,
)

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

_LONG_SIDE_AT_LEAST = 900
_PANEL_AT_MOST = 1600


def overlay(
    radiograph: Radiograph,
    reading: Reading,
    *,
    heatmap: NDArray[np.float32] | None = None,
    solid_from: float | None = None,
) -> Picture:
    """Draw a reading on its radiograph, with a caption underneath.

    Each finding gets a frame around its pixels and its score beside the frame, where it hides no
    other if there is room. A radiograph under 900 pixels is enlarged to that; lines and letters
    grow with larger ones. Black is added left and right of one too narrow for the caption.

    Args:
        radiograph: the pixels to draw on; they may be enhanced, or resized after reading.
        reading: boxes in pixels of an image of ``reading.width`` x ``reading.height``.
        heatmap: drawn beneath the frames, as in :func:`heat`.
        solid_from: the score of the high-specificity operating point. Frames from there on are
            solid and vermillion, those below dashed and yellow. Without it all are solid, in
            the colour of the decision.
    """
    from PIL import Image, ImageDraw

    pixels = _enlarge(radiograph.pixels)
    picture = _rgb(pixels) if heatmap is None else heat(pixels, heatmap)
    scale = unit(picture)
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    marks = [
        _mark(finding, reading, canvas.size, scale, solid_from) for finding in reading.findings
    ]
    for mark in reversed(marks):
        _draw_frame(draw, mark, scale)
    _draw_scores(draw, marks, canvas.size, scale)
    strip = caption(reading, canvas.width, scale, legend=solid_from is not None)
    whole = Image.new("RGB", (strip.shape[1], canvas.height + len(strip)))
    whole.paste(canvas, ((whole.width - canvas.width) // 2, 0))
    whole.paste(Image.fromarray(strip), (0, canvas.height))
    return np.array(whole)


def heat(
    pixels: NDArray[np.float32], heatmap: NDArray[np.float32], opacity: float = 0.4
) -> Picture:
    """Colour grey pixels ``[height, width]`` in 0..1 by a heatmap of any size, also in 0..1.

    The colours are OpenCV's ``COLORMAP_VIRIDIS``. Where the heat is 0 the radiograph stays as it
    is; where it is 1 the colour covers ``opacity`` of it.
    """
    height, width = pixels.shape
    warmth = cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_CUBIC)
    warmth = np.clip(warmth, 0, 1)
    colours = cv2.applyColorMap(to_8_bit(warmth), cv2.COLORMAP_VIRIDIS)
    picture = np.empty((height, width, 3), dtype=np.uint8)
    for channel in range(3):
        colour = colours[..., 2 - channel] * np.float32(1 / 255)
        picture[..., channel] = to_8_bit(pixels + (colour - pixels) * (warmth * opacity))
    return picture


def side_by_side(images: Sequence[Picture | NDArray[np.float32]], titles: Sequence[str]) -> Picture:
    """Put images next to each other at one width, each under its title.

    Images are pictures, or grey float32 ``[height, width]`` in 0..1. The panels are as wide as
    the widest image, between 900 pixels on the longer side and 1,600 across, and aligned at the
    top.
    """
    from PIL import Image, ImageDraw

    large = [_enlarge(image) for image in images]
    width = min(max(image.shape[1] for image in large), _PANEL_AT_MOST)
    panels = [_rgb(_resize(image, width / image.shape[1])) for image in large]
    tallest = max(panels, key=len)
    scale = unit(tallest)
    margin, head = px(10, scale), px(44, scale)
    size = (len(panels) * (width + margin) - margin, head + len(tallest))
    whole = Image.new("RGB", size, STRIP)
    draw = ImageDraw.Draw(whole)
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        left = index * (width + margin)
        draw.text((left + margin, head // 2), title, WHITE, font(px(22, scale)), "lm")
        whole.paste(Image.fromarray(panel), (left, head))
    return np.array(whole)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A finding on the picture; ``frame`` is the outer edge of its line, in pixels, half open."""

    frame: Corners
    text: str
    colour: Colour
    dashed: bool


def _mark(
    finding: Finding,
    reading: Reading,
    picture: tuple[int, int],
    scale: float,
    solid_from: float | None,
) -> _Mark:
    width, height = picture
    across, down = width / reading.width, height / reading.height
    box, margin = finding.box, px(2, scale) + px(1, scale)
    left = min(max(math.floor(box.x_min * across) - margin, 0), width - 1)
    top = min(max(math.floor(box.y_min * down) - margin, 0), height - 1)
    right = max(min(math.ceil(box.x_max * across) + margin, width), left + 1)
    bottom = max(min(math.ceil(box.y_max * down) + margin, height), top + 1)
    colour, dashed = DECISION_COLOURS[reading.decision], False
    if solid_from is not None:
        dashed = finding.score < solid_from
        colour = YELLOW if dashed else VERMILLION
    name = "" if finding.label == "fracture" else f"{finding.label} "
    return _Mark((left, top, right, bottom), f"{name}{finding.score:.2f}", colour, dashed)


def _draw_frame(draw: ImageDraw, mark: _Mark, scale: float) -> None:
    line, halo = px(2, scale), px(1, scale)
    left, top, right, bottom = mark.frame
    around = (left - halo, top - halo, right + halo - 1, bottom + halo - 1)
    draw.rectangle(around, outline=BLACK, width=line + 2 * halo)
    for start, end in _dashes(left, right, line, mark.dashed):
        for near, far in ((top, min(top + line, bottom)), (max(bottom - line, top), bottom)):
            draw.rectangle((start, near, end - 1, far - 1), mark.colour)
    for start, end in _dashes(top, bottom, line, mark.dashed):
        for near, far in ((left, min(left + line, right)), (max(right - line, left), right)):
            draw.rectangle((near, start, far - 1, end - 1), mark.colour)


def _dashes(start: int, end: int, line: int, dashed: bool) -> list[tuple[int, int]]:
    """Split a side into dashes about three lines long, one of them at each end."""
    gaps = max(1, round((end - start) / (6 * line))) if dashed else 0
    edges = np.linspace(start, end, 2 * gaps + 2).round().astype(int).tolist()
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def _draw_scores(
    draw: ImageDraw, marks: Sequence[_Mark], picture: tuple[int, int], scale: float
) -> None:
    letters, outline = font(px(18, scale)), px(2, scale)
    sizes = []
    for mark in marks:
        _, _, width, height = draw.textbbox((0, 0), mark.text, letters, "lt")
        sizes.append((math.ceil(width) + 2 * outline, math.ceil(height) + 2 * outline))
    frames = [mark.frame for mark in marks]
    places = place_labels(frames, sizes, picture, px(3, scale))
    for mark, (left, top, _, _) in zip(marks, places, strict=True):
        draw.text(
            (left + outline, top + outline),
            mark.text,
            mark.colour,
            letters,
            "lt",
            stroke_width=outline,
            stroke_fill=BLACK,
        )


def _enlarge(image: NDArray[Any]) -> NDArray[Any]:
    return _resize(image, max(1.0, _LONG_SIDE_AT_LEAST / max(image.shape[:2])))


def _resize(image: NDArray[Any], scale: float) -> NDArray[Any]:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=interpolation(scale))


def _rgb(image: NDArray[Any]) -> Picture:
    shades = image if image.dtype == np.uint8 else to_8_bit(image)
    return shades if shades.ndim == 3 else np.repeat(shades[..., None], 3, axis=2)
