"""Pictures of a reading as PNG and JPEG."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.findings import Reading
from fractura.imaging.enhance import enhance, resize
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.save import to_8_bit
from fractura.reading.annotated import picture_of
from fractura.reading.calibration import OperatingPoints

THUMBNAIL_SIDE = 192
_JPEG_QUALITY = 85


class NoHeatmapError(FracturaError):
    """The reading has no heatmap to draw."""


def overlay_png(
    radiograph: Radiograph, reading: Reading, points: OperatingPoints, *, heatmap: bool
) -> bytes:
    """The findings at the operating points over the radiograph, with a caption, in RGB.

    It is the picture of ``fractura detect --out``: larger than the radiograph where that is small,
    and taller by the caption.

    Raises:
        NoHeatmapError: the heatmap is asked for and ``reading.heatmap`` is None.
    """
    heat = heatmap_of(reading) if heatmap else None
    return _encoded(".png", picture_of(radiograph, reading, points, heat))


def heatmap_png(reading: Reading) -> bytes:
    """The heatmap in RGBA at the radiograph's size, to be laid over it.

    Colours are OpenCV's ``COLORMAP_VIRIDIS``; what is cold (0) is transparent, what is hot (1)
    opaque. Laid over at an opacity of 0.4 it looks like :func:`fractura.imaging.draw.heat`.

    Raises:
        NoHeatmapError: ``reading.heatmap`` is None.
    """
    warmth = to_8_bit(heatmap_of(reading))
    colours = cv2.applyColorMap(warmth, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    return _encoded(".png", np.dstack([colours, warmth]))


def enhanced_png(radiograph: Radiograph) -> bytes:
    """The radiograph with its local contrast raised (CLAHE), 8-bit grey, at its own size."""
    return _encoded(".png", to_8_bit(enhance(radiograph.pixels)))


def thumbnail_jpeg(radiograph: Radiograph) -> bytes:
    """The radiograph in grey, 192 pixels on the longer side."""
    small = to_8_bit(resize(radiograph.pixels, THUMBNAIL_SIDE))
    return _encoded(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def heatmap_of(reading: Reading) -> NDArray[np.float32]:
    """The heatmap of a reading.

    Raises:
        NoHeatmapError: there is none.
    """
    if reading.heatmap is None:
        raise NoHeatmapError(f"the model {reading.model} makes no heatmap; show the boxes alone")
    return reading.heatmap


def _encoded(ending: str, picture: NDArray[np.uint8], options: list[int] | None = None) -> bytes:
    """``[height, width]`` grey, ``[height, width, 3]`` RGB or ``[height, width, 4]`` RGBA."""
    order: Any = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    stored = picture if picture.ndim == 2 else cv2.cvtColor(picture, order[picture.shape[2]])
    done, data = cv2.imencode(ending, stored, options or [])
    if not done:
        raise FracturaError(f"a picture of shape {picture.shape} cannot be written as {ending}")
    return data.tobytes()
