"""The drawings of the report: the radiograph with its boxes, and the scale of probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from reportlab.lib.colors import Color, black
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from fractura.findings import Box, Decision
from fractura.imaging.labels import Corners, place_labels
from fractura.imaging.style import DECISION_COLOURS, SKY_BLUE, VERMILLION, YELLOW, Colour
from fractura.reading.calibration import OperatingPoints
from fractura.service.render.letters import BOLD, FADED, FONT, INK

_JPEG_QUALITY = 92
_GAP = 10.0
_TITLE = 14.0
_LABEL = 7.5
_HALO = 2.4
"""Width of the black line under a box's own, which lies around the box."""
_FINE = 20
"""Parts of a point in which labels are placed."""


@dataclass(frozen=True, slots=True)
class DrawnOutline:
    """A box on the radiograph, and what stands beside it."""

    box: Box
    name: str
    colour: Colour
    dashed: bool = False


def model_outline(box: Box, number: int, score: float, points: OperatingPoints) -> DrawnOutline:
    """Of a finding: solid where its score reaches the high-specificity point."""
    solid = score >= points.high_specificity.box_score
    return DrawnOutline(box, str(number), VERMILLION if solid else YELLOW, dashed=not solid)


def drawn_outline(box: Box, name: str) -> DrawnOutline:
    """Of a box that a person drew."""
    return DrawnOutline(box, name, SKY_BLUE)


class Panels(Flowable):  # type: ignore[misc]
    """Two pictures of one radiograph beside each other, each under its title.

    The boxes are drawn on the first, as lines, so that they stay sharp at any enlargement.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        titles: Sequence[str],
        outlines: Sequence[DrawnOutline],
        size: tuple[int, int],
        available: tuple[float, float],
    ) -> None:
        """Fit them.

        Args:
            pictures: grey ``[height, width]`` or RGB ``[height, width, 3]``, of one shape.
            titles: above each.
            outlines: in pixels of the radiograph.
            size: width and height of the radiograph, in pixels.
            available: width and height, in points.
        """
        super().__init__()
        self.hAlign = "LEFT"
        self._pictures, self._titles, self._outlines = pictures, titles, outlines
        columns, rows = size
        across = (available[0] - _GAP) / 2
        self._scale = min(across / columns, (available[1] - _TITLE) / rows)
        self._shown = columns * self._scale, rows * self._scale
        self.width, self.height = available[0], self._shown[1] + _TITLE

    def draw(self) -> None:
        """Called by reportlab, with the origin at the bottom left."""
        canvas = self.canv
        across, down = self._shown
        starts = (0.0, (self.width + _GAP) / 2)
        for picture, title, left in zip(self._pictures, self._titles, starts, strict=True):
            canvas.setFont(BOLD, 8)
            canvas.setFillColor(INK)
            canvas.drawString(left, down + 4, title)
            canvas.drawImage(_jpeg(picture), left, 0, across, down)
            canvas.setLineWidth(0.4)
            canvas.setStrokeColor(FADED)
            canvas.rect(left, 0, across, down)
        canvas.saveState()
        clip = canvas.beginPath()
        clip.rect(0, 0, across, down)
        canvas.clipPath(clip, stroke=0)
        for outline in reversed(self._outlines):
            self._draw_box(outline)
        self._draw_names()
        canvas.restoreState()

    def _draw_box(self, outline: DrawnOutline) -> None:
        box, scale, canvas = outline.box, self._scale, self.canv
        left, bottom = box.x_min * scale - _HALO / 2, self._shown[1] - box.y_max * scale - _HALO / 2
        across, tall = box.width * scale + _HALO, box.height * scale + _HALO
        canvas.setLineJoin(0)
        for line, colour, dashes in (
            (_HALO, black, []),
            (_HALO / 2, colour_of(outline.colour), [4, 2.5] if outline.dashed else []),
        ):
            canvas.setLineWidth(line)
            canvas.setStrokeColor(colour)
            canvas.setDash(dashes)
            canvas.rect(left, bottom, across, tall)

    def _draw_names(self) -> None:
        """Each name on a black plate, where it hides no box if there is room."""
        if not self._outlines:
            return
        scale, canvas = self._scale, self.canv
        frames = [_fine(outline.box, scale) for outline in self._outlines]
        sizes = [
            (round((stringWidth(o.name, BOLD, _LABEL) + 4) * _FINE), round((_LABEL + 2) * _FINE))
            for o in self._outlines
        ]
        whole = (round(self._shown[0] * _FINE), round(self._shown[1] * _FINE))
        places = place_labels(frames, sizes, whole, round(2 * _FINE))
        canvas.setFont(BOLD, _LABEL)
        for outline, (x, _, right, low) in zip(self._outlines, places, strict=True):
            bottom = self._shown[1] - low / _FINE
            canvas.setFillColor(black)
            canvas.rect(x / _FINE, bottom, (right - x) / _FINE, _LABEL + 2, stroke=0, fill=1)
            canvas.setFillColor(colour_of(outline.colour))
            canvas.drawString(x / _FINE + 2, bottom + 2, outline.name)


class ProbabilityScale(Flowable):  # type: ignore[misc]
    """A bar from 0 to 100 %, in the colours of the decisions, with a pointer at the reading."""

    def __init__(self, probability: float, points: OperatingPoints, width: float) -> None:
        super().__init__()
        self._probability, self._points = probability, points
        self.width, self.height = width, 34.0

    def draw(self) -> None:
        """Called by reportlab, with the origin at the bottom left."""
        canvas = self.canv
        ends = (
            0.0,
            self._points.high_sensitivity.probability,
            self._points.high_specificity.probability,
            1.0,
        )
        bottom, tall = 13.0, 10.0
        names: tuple[Decision, ...] = ("no fracture", "uncertain", "fracture")
        for name, start, end in zip(names, ends, ends[1:], strict=False):
            left, across = start * self.width, (end - start) * self.width
            canvas.setFillColor(colour_of(DECISION_COLOURS[name]))
            canvas.rect(left, bottom, across, tall, stroke=0, fill=1)
            if stringWidth(name, FONT, 7) + 4 <= across:
                canvas.setFillColor(black)
                canvas.setFont(FONT, 7)
                canvas.drawCentredString(left + across / 2, bottom + 2.6, name)
        canvas.setFont(FONT, 7)
        canvas.setFillColor(FADED)
        canvas.drawString(0, 4, "0 %")
        canvas.drawRightString(self.width, 4, "100 %")
        self._draw_thresholds(ends[1:3])
        self._draw_pointer(bottom + tall)

    def _draw_thresholds(self, thresholds: Sequence[float]) -> None:
        texts = [percent(threshold) for threshold in thresholds]
        centres = [threshold * self.width for threshold in thresholds]
        halves = [stringWidth(text, FONT, 7) / 2 + 3 for text in texts]
        centres[0] = max(centres[0], halves[0] + 16)
        centres[1] = min(max(centres[1], centres[0] + sum(halves)), self.width - halves[1] - 26)
        for text, centre in zip(texts, centres, strict=True):
            self.canv.drawCentredString(centre, 4, text)

    def _draw_pointer(self, bottom: float) -> None:
        canvas, x = self.canv, self._probability * self.width
        canvas.setFillColor(INK)
        path = canvas.beginPath()
        path.moveTo(x, bottom)
        path.lineTo(x - 4, bottom + 7)
        path.lineTo(x + 4, bottom + 7)
        path.close()
        canvas.drawPath(path, stroke=0, fill=1)


def _fine(box: Box, scale: float) -> Corners:
    left, top, right, bottom = (round(value * scale * _FINE) for value in box.as_list())
    return left, top, max(right, left + 1), max(bottom, top + 1)


def percent(share: float) -> str:
    """A share as people write it, with one decimal."""
    return f"{100 * share:.1f} %"


def colour_of(colour: Colour) -> Color:
    """reportlab's form of a colour."""
    return Color(*(part / 255 for part in colour))


def _jpeg(picture: NDArray[Any]) -> ImageReader:
    stored = picture if picture.ndim == 2 else picture[..., ::-1]
    _, data = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return ImageReader(BytesIO(data.tobytes()))
