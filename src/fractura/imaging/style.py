"""Colours, letters and lengths that all pictures share.

Colours follow the palette of Okabe and Ito (2008), which people with any colour vision can tell
apart; its vermillion is lightened to be read on black.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fractura.findings import Decision

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

VERMILLION: Colour = (255, 122, 40)
YELLOW: Colour = (240, 228, 66)
SKY_BLUE: Colour = (86, 180, 233)
WHITE: Colour = (255, 255, 255)
PURPLE: Colour = (204, 121, 167)
GREY: Colour = (170, 170, 170)
BLACK: Colour = (0, 0, 0)
STRIP: Colour = (24, 24, 24)

DECISION_COLOURS: Mapping[Decision, Colour] = {
    "fracture": VERMILLION,
    "uncertain": YELLOW,
    "no fracture": SKY_BLUE,
    "not evaluated": PURPLE,
}


def unit(picture: Picture) -> float:
    """How much larger than usual lines and letters are in a picture of this size; at least 1."""
    height, width = picture.shape[:2]
    return max(1.0, math.sqrt(height * width) / 900)


def px(length: float, unit: float) -> int:
    """``length`` units in whole pixels, at least 1."""
    return max(1, round(length * unit))


@cache
def font(size: int) -> FreeTypeFont | ImageFont:
    """Pillow's built-in letters, ``size`` pixels high."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
