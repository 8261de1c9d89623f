"""From the network's dense output to boxes with logits."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_OVERLAP = 0.4
MOST_BOXES = 50
NO_BOX = -10.0
"""The logit that stands for an image without any box."""


@dataclass(frozen=True, eq=False)
class DecodedBoxes:
    """Boxes ``[n, 4]`` in input pixels and their logits ``[n]``, falling."""

    boxes: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def best(self) -> float:
        """The highest logit; :data:`NO_BOX` without any box."""
        return float(self.logits[0]) if len(self.logits) else NO_BOX


def score_logits(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits of scores in 0..1, between :data:`NO_BOX` and its opposite."""
    limit = 1 / (1 + np.exp(NO_BOX))
    clipped = np.clip(scores.astype(np.float64), 1 - limit, limit)
    return np.log(clipped / (1 - clipped)).astype(np.float32)


def decode(logits: NDArray[np.float32], boxes: NDArray[np.float32]) -> DecodedBoxes:
    """Keep cells that are the largest of their 3 × 3 neighbourhood, then suppress overlaps.

    Args:
        logits: ``[h, w]``, one for each cell.
        boxes: ``[h, w, 4]`` in input pixels.

    Returns:
        At most :data:`MOST_BOXES` boxes, no two of which overlap by more than
        :data:`LARGEST_OVERLAP` (intersection over union). There is always at least one.
    """
    peaks = logits >= cv2.dilate(logits, np.ones((3, 3), np.uint8))
    values, candidates = logits[peaks], boxes[peaks]
    order = np.argsort(-values, kind="stable")[: 2 * MOST_BOXES]
    values, candidates = values[order], candidates[order]
    kept = _suppress(candidates)[:MOST_BOXES]
    return DecodedBoxes(candidates[kept], values[kept])


def _suppress(boxes: NDArray[np.float32]) -> NDArray[np.intp]:
    """Indices of boxes that no earlier kept box overlaps too much (greedy suppression)."""
    corner = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    opposite = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(opposite - corner, 0, None).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    clash = shared > LARGEST_OVERLAP * (areas[:, None] + areas[None] - shared)
    alive = np.ones(len(boxes), dtype=bool)
    for index in range(len(boxes)):
        if alive[index]:
            alive[index + 1 :] &= ~clash[index, index + 1 :]
    return np.flatnonzero(alive)
