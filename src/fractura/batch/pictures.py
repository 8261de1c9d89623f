"""Pictures of readings, and what pictures are called."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractura.findings import Reading
    from fractura.imaging.radiograph import Radiograph
    from fractura.imaging.style import Picture
    from fractura.reading.calibration import OperatingPoints


def picture_name(path: str, ending: str = ".png") -> str:
    """A readable name for a picture of the file ``path``; every other path gets another."""
    pure = PurePath(path)
    readable = re.sub(r"[^\w.-]+", "_", f"{pure.parent.name}_{pure.stem}")[-50:].strip("._-")
    return f"{readable}_{sha256(os.fsencode(path)).hexdigest()[:10]}{ending}".lstrip("_")


def draw_reading(
    radiograph: Radiograph, reading: Reading, points: OperatingPoints, *, compare: bool = False
) -> Picture:
    """The findings at the operating points over the radiograph, and the heatmap if there is one.

    With ``compare`` the original and the enhanced radiograph stand beside it.
    """
    from fractura.imaging.draw import side_by_side
    from fractura.imaging.enhance import enhance
    from fractura.reading.annotated import picture_of

    picture = picture_of(radiograph, reading, points, reading.heatmap)
    if not compare:
        return picture
    return side_by_side(
        [radiograph.pixels, enhance(radiograph.pixels), picture],
        ["original", "enhanced", "reading"],
    )
