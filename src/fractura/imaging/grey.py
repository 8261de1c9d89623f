"""Shared arithmetic: stored samples to grey values in 0..1."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[Any]
Pixels = NDArray[np.float32]


class Decoded(NamedTuple):
    """Grey pixels in 0..1, bone bright, with what the file says of them."""

    pixels: Pixels
    bits: int
    spacing_mm: tuple[float, float] | None = None
    warnings: tuple[str, ...] = ()
    age: float | None = None
    body_part: str | None = None
    in_colour: bool = False
    polarity_doubtful: bool = False


def luma(colour: Samples, top: float) -> Pixels:
    """Grey of RGB samples ``[H, W, 3]`` whose white is ``top``: luma of ITU-R BT.601, in 0..1."""
    grey = np.multiply(colour[..., 0], 0.299 / top, dtype=np.float32)
    grey += np.multiply(colour[..., 1], 0.587 / top, dtype=np.float32)
    grey += np.multiply(colour[..., 2], 0.114 / top, dtype=np.float32)
    return grey


def bits_in_use(top: int, stored: int) -> tuple[int, tuple[str, ...]]:
    """How many of ``stored`` bits samples use that reach up to ``top``, and a warning if fewer.

    Detectors of 10 to 14 bits often write files of 16. So the smallest of 8, 10, 12, 14 and 16
    bits that holds the largest value is taken, never more than are stored.
    """
    bits = next((bits for bits in (8, 10, 12, 14, 16) if top < 1 << bits), stored)
    if bits >= stored:
        return stored, ()
    return bits, (f"the samples of {stored} bits use only {bits}; {(1 << bits) - 1} became white",)


def stretch(samples: Samples) -> tuple[Pixels, tuple[str, ...]]:
    """Scale samples of unknown range (signed, 32-bit, float) from lowest..highest to 0..1.

    Values that are not finite become the lowest. Floats within 0..1 are kept. Returns pixels and
    warnings; samples without any finite value come out as zeros.
    """
    with np.errstate(invalid="ignore"):
        values = samples.astype(np.float64)
    finite = np.isfinite(values)
    warnings = []
    if not finite.all():
        count = np.count_nonzero(~finite)
        warnings.append(f"{count} samples that are not finite were set to the lowest")
    low = values.min(where=finite, initial=np.inf)
    high = values.max(where=finite, initial=-np.inf)
    values[~finite] = low if np.isfinite(low) else 0
    if not (samples.dtype.kind == "f" and low >= 0 and high <= 1) and low < high:
        # Halving keeps the difference of two huge floats finite.
        values = (values / 2 - low / 2) / (high / 2 - low / 2)
        warnings.append(f"the samples were stretched from {low:g}..{high:g} to the full range")
    return np.clip(values, 0, 1).astype(np.float32), tuple(warnings)
