"""Whether bone comes out bright, by the header and, where that is not enough, by the air around."""

from __future__ import annotations

import numpy as np

from fractura.imaging.dicom_file.header import DicomHeader
from fractura.imaging.grey import Pixels

RIM = 0.04
"""Share of the sides that counts as rim, where there mostly is air."""
BRIGHTER = 0.1
"""How much brighter than the middle the rim must be, so that air is called bright; or darker."""

RAW = "the image is for processing, with bone dark; it was inverted"
SIGN = "the pixel intensity relationship says that bone is dark, and so it looks; it was inverted"
UNKNOWN = "the image is for processing, and nothing tells whether bone is bright or dark"
DOUBT = (
    "the pixel intensity relationship says that bone is dark, but the air around looks dark; "
    "nothing was inverted"
)
DOUBTFUL = (UNKNOWN, DOUBT)
"""Warnings with which bone may still be dark."""


def made_bright(pixels: Pixels, header: DicomHeader) -> tuple[Pixels, tuple[str, ...]]:
    """Invert pixels ``[H, W]`` in 0..1 where bone is dark, and say so.

    Pixel Intensity Relationship Sign (PS3.3 C.8.11.3.1.2) tells whether larger samples mean more
    intensity behind the patient, so that bone is small. An image for presentation shows bone as
    it is meant to be seen, so there the sign counts only if the air around agrees. An image for
    processing without a sign is judged by the air alone.
    """
    if not header.photometric.startswith("MONOCHROME"):
        return pixels, ()
    raw = header.intent == "FOR PROCESSING"
    rising = (header.slope >= 0) != header.inverse
    says_dark = header.intensity_sign == (1 if rising else -1)
    if header.intensity_sign in (1, -1):
        if not says_dark:
            return pixels, ()
        if raw:
            return 1 - pixels, (RAW,)
        if brightness_of_air(pixels) > BRIGHTER:
            return 1 - pixels, (SIGN,)
        return pixels, (DOUBT,)
    if not raw:
        return pixels, ()
    air = brightness_of_air(pixels)
    if air > BRIGHTER:
        return 1 - pixels, (RAW,)
    return pixels, () if air < -BRIGHTER else (UNKNOWN,)


def brightness_of_air(pixels: Pixels) -> float:
    """How much brighter the rim is than the middle, -1..1, as medians."""
    height, width = pixels.shape
    down, across = max(1, round(height * RIM)), max(1, round(width * RIM))
    inner = pixels[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    rim = [pixels[:, :across], pixels[:, -across:], pixels[:down], pixels[-down:]]
    around = float(np.median(np.concatenate([part.ravel() for part in rim])))
    return around - float(np.median(inner))
