"""One look at an image file: what it is, and a small picture of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.colour import colour, file_format
from fractura.datasets.audit.pictures import shrink
from fractura.errors import LoadError
from fractura.imaging.codecs import TRUNCATED
from fractura.imaging.identity import pixels_sha256
from fractura.imaging.limits import MAX_FILE_BYTES
from fractura.imaging.load import load_bytes

BORDER_DEPTHS = (0.01, 0.05)
"""Depths of the border strips, as fractions of the image's shorter side; at least one pixel."""

_NAMELESS = "the image: "
_BLACK = 2 / 255
_WHITE = 253 / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What one look at a file tells, apart from what it shows.

    Where ``problem`` is set, only ``sha256`` and ``size`` of the others say anything; they are
    ``""`` and 0 where the file could not even be opened.

    Attributes:
        problem: why the file cannot be read as an image, without its name; ``None`` if it can.
        sha256: hexadecimal digest of the file's bytes.
        size: of the file in bytes.
        pixels_sha256: digest of the decoded grey values (rounded to 16 bits) and their shape.
        truncated: the file ends early, and the missing part was filled in.
        format: ``"JPEG"``, ``"PNG"``, ``"TIFF"``, ``"BMP"``, ``"WEBP"`` or ``"DICOM"``.
        width, height: in pixels, after the orientation that the file asks for.
        bits: stored for a sample.
        channels: 1 grey, 2 grey and alpha, 3 colour or palette, 4 colour and alpha.
        colourfulness: the measure M3 of Hasler and Süsstrunk (Human Vision and Electronic Imaging
            2003) of values in 0..255; 0 for grey.
        coloured: share of pixels whose channels differ by more than 32 of 255.
        mean, contrast: mean and standard deviation of the grey values in 0..1.
        black, white: share of pixels within 2 of 255 of black and of white.
        sharpness: variance of the Laplacian of the grey values in 0..1.
        border: mean and standard deviation of the grey values in the strips along the top, bottom,
            left and right edge, for each of :data:`BORDER_DEPTHS`: 16 figures.
    """

    problem: str | None
    sha256: str
    size: int
    pixels_sha256: str = ""
    truncated: bool = False
    format: str = ""
    width: int = 0
    height: int = 0
    bits: int = 0
    channels: int = 0
    colourfulness: float = 0.0
    coloured: float = 0.0
    mean: float = 0.0
    contrast: float = 0.0
    black: float = 0.0
    white: float = 0.0
    sharpness: float = 0.0
    border: tuple[float, ...] = (0.0,) * (8 * len(BORDER_DEPTHS))

    @property
    def readable(self) -> bool:
        """Whether the file could be decoded, perhaps in part."""
        return self.problem is None


Picture = NDArray[np.uint8]


def examine_bytes(data: bytes) -> tuple[Examination, Picture | None]:
    """Decode one file's bytes: what they are, and the shrunken picture if they hold one."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        radiograph = load_bytes(data)
    except LoadError as error:
        problem = str(error).removeprefix(_NAMELESS)
        return Examination(problem=problem, sha256=digest, size=len(data)), None
    pixels = radiograph.pixels
    tint = colour(data)
    mean, deviation = cv2.meanStdDev(pixels)
    examination = Examination(
        problem=None,
        sha256=digest,
        size=len(data),
        pixels_sha256=pixels_sha256(pixels),
        truncated=TRUNCATED in radiograph.warnings,
        format=file_format(data),
        width=radiograph.width,
        height=radiograph.height,
        bits=radiograph.bits,
        channels=tint.channels,
        colourfulness=tint.colourfulness,
        coloured=tint.coloured,
        mean=float(mean[0, 0]),
        contrast=float(deviation[0, 0]),
        black=np.count_nonzero(pixels <= _BLACK) / pixels.size,
        white=np.count_nonzero(pixels >= _WHITE) / pixels.size,
        sharpness=float(cv2.meanStdDev(cv2.Laplacian(pixels, cv2.CV_32F))[1][0, 0]) ** 2,
        border=border(pixels),
    )
    return examination, shrink(pixels)


def read_file(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        LoadError: it is missing, too large, no regular file or cannot be opened.
    """
    try:
        if not path.is_file():
            raise LoadError("there is no such file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise LoadError(f"it is larger than the {MAX_FILE_BYTES:,} bytes that are read")
        return path.read_bytes()
    except OSError as error:
        raise LoadError(f"cannot be opened ({error.strerror})") from error


def border(pixels: NDArray[np.float32]) -> tuple[float, ...]:
    """Means and standard deviations of the border strips of ``[H, W]``; see Examination."""
    figures = []
    for share in BORDER_DEPTHS:
        depth = max(1, round(share * min(pixels.shape)))
        strips = (pixels[:depth], pixels[-depth:], pixels[:, :depth], pixels[:, -depth:])
        for strip in strips:
            figures += [float(strip.mean()), float(strip.std())]
    return tuple(figures)
