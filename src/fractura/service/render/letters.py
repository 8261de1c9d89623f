"""The letters of the report: fonts that are embedded, and text fit for them."""

from __future__ import annotations

import unicodedata
from functools import cache
from math import inf
from xml.sax.saxutils import escape

from reportlab.lib.colors import Color, HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

FONT, BOLD = "Vera", "VeraBd"
"""Bitstream Vera, which reportlab carries; its licence allows to embed it."""
INK = HexColor(0x1A1A1A)
FADED = HexColor(0x5A5A5A)
UNKNOWN = "?"
"""Stands for a letter that the font lacks."""
_LEADING = 1.35
_DENSEST = 250
"""More letters than any line holds."""

for _name in (FONT, BOLD):
    pdfmetrics.registerFont(TTFont(_name, f"{_name}.ttf"))


def paragraph(
    text: str, size: float = 8, *, colour: Color = INK, bold: bool = False, right: bool = False
) -> Paragraph:
    """Text, ``size`` points high, in which nothing is taken for markup."""
    return Paragraph(escape(legible(text)), _style(size, colour, bold, right))


def legible(text: str) -> str:
    """Text in letters of the font, on one line.

    Letters with marks that it lacks lose the marks; others become :data:`UNKNOWN`.
    """
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(letter if letter in _letters() else _plainer(letter) for letter in composed)


def is_whole(text: str) -> bool:
    """Whether no letter of a text becomes :data:`UNKNOWN`."""
    return legible(text).count(UNKNOWN) == text.count(UNKNOWN)


def fitting(text: str, width: float, lines: int, size: float = 8) -> Paragraph:
    """As much of a text as ``lines`` hold, with an ellipsis where some is missing."""
    text = " ".join(text.split())
    most = min(len(text), _DENSEST * lines)
    while True:
        shown = paragraph(text[:most].rstrip() + ("" if most == len(text) else "…"), size)
        if shown.wrap(width, inf)[1] <= lines * _LEADING * size + 0.1 or most == 0:
            return shown
        most = int(0.95 * most)


def _plainer(letter: str) -> str:
    if unicodedata.combining(letter):
        return ""
    base = unicodedata.normalize("NFKD", letter)[:1]
    return base if base in _letters() else UNKNOWN


@cache
def _letters() -> frozenset[str]:
    known = pdfmetrics.getFont(FONT).face.charToGlyph
    return frozenset(chr(code) for code in known if chr(code).isprintable())


@cache
def _style(size: float, colour: Color, bold: bool, right: bool) -> ParagraphStyle:
    return ParagraphStyle(
        "text",
        fontName=BOLD if bold else FONT,
        fontSize=size,
        leading=_LEADING * size,
        textColor=colour,
        alignment=TA_RIGHT if right else TA_LEFT,
    )
