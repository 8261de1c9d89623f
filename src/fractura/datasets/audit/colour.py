"""What a file is made of: its format, its channels, and how coloured its picture is."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractura.errors import LoadError
from fractura.imaging import codecs

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"II": "TIFF",
    b"MM": "TIFF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
}
_SIDE = 512
_COLOURED = 32
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "F"})


class Colour(NamedTuple):
    """Number of channels, colourfulness and share of coloured pixels; see ``Examination``."""

    channels: int
    colourfulness: float
    coloured: float


def file_format(data: bytes) -> str:
    """``"JPEG"``, ``"PNG"``, ``"TIFF"``, ``"BMP"``, ``"WEBP"``, or else ``"DICOM"``.

    The file must be one that :func:`fractura.imaging.load.load_bytes` reads.
    """
    if data[128:132] == b"DICM":
        return "DICOM"
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "DICOM")


def colour(data: bytes) -> Colour:
    """Look at the colours of a file that was read as a radiograph; DICOM counts as grey."""
    kind = file_format(data)
    if kind == "DICOM":
        return Colour(1, 0.0, 0.0)
    return _of_jpeg(data) if kind == "JPEG" else _of_other(data)


def _of_jpeg(data: bytes) -> Colour:
    """With the loader's decoder, which also reads JPEG data that end early."""
    try:
        jpeg = codecs.read_jpeg_markers(data)
        if jpeg.components != 3:
            return Colour(jpeg.components, 0.0, 0.0)
        samples = codecs.decode("jpeg8", data, outcolorspace="RGB")
    except LoadError:
        return Colour(1, 0.0, 0.0)
    top = 255.0 if samples.dtype == np.uint8 else float((1 << jpeg.precision) - 1)
    step = max(1, max(samples.shape) // _SIDE)
    return Colour(3, *_measure(samples[::step, ::step] * np.float32(255 / top)))


def _of_other(data: bytes) -> Colour:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            channels = 3 if image.mode == "P" else len(image.getbands())
            if image.mode in _GREY_MODES:
                return Colour(channels, 0.0, 0.0)
            samples = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Colour(1, 0.0, 0.0)
    step = max(1, max(samples.shape) // _SIDE)
    return Colour(channels, *_measure(samples[::step, ::step].astype(np.float32)))


def _measure(rgb: NDArray[Any]) -> tuple[float, float]:
    """Colourfulness and share of coloured pixels of ``[H, W, 3]`` in 0..255."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    offset = np.hypot(red_green.mean(), yellow_blue.mean())
    highest = np.maximum(np.maximum(red, green), blue)
    lowest = np.minimum(np.minimum(red, green), blue)
    coloured = np.mean(highest - lowest > _COLOURED)
    return float(spread + 0.3 * offset), float(coloured)
