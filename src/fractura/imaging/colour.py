"""Whether a picture is in colour, which radiographs are not."""

from __future__ import annotations

import numpy as np

from fractura.imaging.grey import Samples, luma

SIDE = 256
"""Pixels that are looked at along the longer side, at most."""
LEVELS = 16
"""Steps of brightness; within one, a tinted film has one colour."""
CHROMA = 0.06
"""Difference from that colour, in 0..1, from which on a pixel is coloured."""
SHARE = 0.05
"""Share of coloured pixels from which on a picture is: arrows and captions colour fewer."""


def in_colour(samples: Samples, top: float) -> bool:
    """Whether RGB samples ``[H, W, 3]`` whose white is ``top`` are of a picture in colour.

    Of a tinted radiograph, all pixels of one brightness have one colour. A pixel is coloured where
    red or blue differ from green otherwise than in the median pixel of its brightness.
    """
    step = -(-max(samples.shape[:2]) // SIDE)
    few = samples[::step, ::step]
    levels = np.minimum((luma(few, top) * LEVELS).astype(np.int64), LEVELS - 1)
    few = few.astype(np.float32) / np.float32(top)
    tint = few[..., (0, 2)] - few[..., (1,)]
    coloured = 0
    for level in np.unique(levels):
        some = tint[levels == level]
        coloured += int((np.abs(some - np.median(some, 0)).max(1) > CHROMA).sum())
    return coloured >= SHARE * levels.size
