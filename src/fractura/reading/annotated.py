"""A reading over its radiograph, as every part of fractura shows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fractura.findings import Reading
from fractura.imaging.draw import overlay
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.style import Picture
from fractura.reading.calibration import OperatingPoints


def picture_of(
    radiograph: Radiograph,
    reading: Reading,
    points: OperatingPoints,
    heatmap: NDArray[np.float32] | None = None,
) -> Picture:
    """The findings at the operating points over the radiograph, with a caption.

    Args:
        radiograph: what was read.
        reading: with all findings or those at the operating points.
        points: which findings are listed, and from which score a box is solid.
        heatmap: float32 ``[H, W]`` in 0..1, laid under the boxes.

    Returns:
        uint8 ``[h, w, 3]`` RGB; see :func:`fractura.imaging.draw.overlay`.
    """
    return overlay(
        radiograph,
        replace(reading, findings=points.listed(reading.decision, reading.findings)),
        heatmap=heatmap,
        solid_from=points.high_specificity.box_score,
    )
