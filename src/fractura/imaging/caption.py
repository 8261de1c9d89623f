"""The strip under an overlay that says in words what was read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fractura.findings import Reading
from fractura.imaging.style import (
    BLACK,
    DECISION_COLOURS,
    GREY,
    STRIP,
    WHITE,
    YELLOW,
    Colour,
    Picture,
    font,
    px,
)

LEGEND = "Solid box: high-specificity operating point reached. Dashed: high-sensitivity only."
NOTICE = "Research use only, not for diagnosis."


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some words that stay on one line; with a ``paper`` they are printed on a plate."""

    text: str
    size: int
    gap: int
    colour: Colour
    paper: Colour | None = None

    @property
    def width(self) -> int:
        return round(font(self.size).getbbox(self.text)[2]) + (self.size if self.paper else 0)


def caption(reading: Reading, width: int, unit: float, *, legend: bool) -> Picture:
    """Decision, probability of a fracture and region; below them, smaller, the reading's
    warnings, what the kinds of boxes mean (``legend``) and :data:`NOTICE`. Where a reading was
    not evaluated, the reason stands in place of the probability.

    Text wraps at ``width`` pixels. The strip is wider only where a single piece of text is.
    """
    from PIL import Image, ImageDraw

    margin = px(14, unit)
    paragraphs = [_verdict(reading, unit)]
    if reading.decision == "not evaluated" and reading.reason is not None:
        paragraphs.append(_sentence(f"Not evaluated: {reading.reason.sentence}.", WHITE, unit))
    paragraphs += [_sentence(f"Warning: {text}.", YELLOW, unit) for text in reading.warnings]
    if legend and reading.findings:
        paragraphs.append(_sentence(LEGEND, GREY, unit))
    paragraphs.append(_sentence(NOTICE, GREY, unit))
    widest = max(piece.width for pieces in paragraphs for piece in pieces)
    width = max(width, widest + 2 * margin)
    lines = [line for pieces in paragraphs for line in _wrap(pieces, width - 2 * margin)]
    height = sum(_line_height(line) for line in lines) + 2 * margin
    strip = Image.new("RGB", (width, height), STRIP)
    draw = ImageDraw.Draw(strip)
    y = margin
    for line in lines:
        x, middle = margin, y + _line_height(line) // 2
        for piece in line:
            start = x
            if piece.paper:
                tall = round(0.7 * piece.size)
                plate = (x, middle - tall, x + piece.width - 1, middle + tall)
                draw.rounded_rectangle(plate, piece.size // 5, piece.paper)
                start += piece.size // 2
            draw.text((start, middle), piece.text, piece.colour, font(piece.size), "lm")
            x += piece.width + piece.gap
        y += _line_height(line)
    return np.asarray(strip)


def _verdict(reading: Reading, unit: float) -> list[_Piece]:
    size, gap = px(22, unit), px(16, unit)
    plate = DECISION_COLOURS[reading.decision]
    pieces = [_Piece(reading.decision.upper(), size, gap, BLACK, plate)]
    if reading.decision != "not evaluated":
        text = f"fracture probability {reading.probability:.2f}"
        pieces.append(_Piece(text, size, gap, WHITE))
    return [*pieces, _Piece(reading.region, size, gap, WHITE)] if reading.region else pieces


def _sentence(text: str, colour: Colour, unit: float) -> list[_Piece]:
    return [_Piece(word, px(15, unit), px(5, unit), colour) for word in text.split()]


def _wrap(pieces: list[_Piece], width: int) -> list[list[_Piece]]:
    lines: list[list[_Piece]] = []
    used = width
    for piece in pieces:
        if not lines or used + piece.width > width:
            lines.append([])
            used = 0
        lines[-1].append(piece)
        used += piece.width + piece.gap
    return lines


def _line_height(line: list[_Piece]) -> int:
    return round(1.7 * line[0].size)
