"""The one door to the native decoders: what they raise becomes a :class:`DamagedFileError`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from fractura.errors import DamagedFileError, UnsupportedFileError
from fractura.imaging.limits import check_size

TRUNCATED = "the JPEG data ends early; what is missing was filled in"
"""The warning that goes with what :func:`decode_jpeg` makes of an incomplete stream."""

_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_LOSSLESS = 0xC3
_MAX_SCANS = 100
MAX_PNG_CHUNKS = 200_000


def decode(codec: str, data: bytes, **options: Any) -> NDArray[Any]:
    """Decode with imagecodecs' ``{codec}_decode``; samples keep their bit depth."""
    try:
        return np.asarray(getattr(imagecodecs, f"{codec}_decode")(data, **options))
    except Exception as error:  # the codecs raise many types, some of them bare RuntimeError
        raise DamagedFileError(f"the {codec} data could not be decoded ({error})") from error


class Jpeg(NamedTuple):
    """What the markers of a JPEG or JPEG-LS stream say; ``process`` is the SOF marker's byte."""

    width: int
    height: int
    precision: int
    components: int
    process: int
    names_colours: bool
    exif: bytes
    complete: bool


def read_jpeg_markers(data: bytes) -> Jpeg:
    """Walk the marker segments up to the first scan (ITU-T T.81, annex B).

    Of several EXIF segments the first counts, as for OpenCV.

    Raises:
        DamagedFileError: the stream ends before its first scan, or contradicts itself.
        TooLargeError: it announces too many pixels.
    """
    frame: tuple[int, int, int, int, int] | None = None
    names_colours, exif, position = False, b"", 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        body = data[position + 4 : position + 2 + length]
        if marker == 0xE1 and not exif and body.startswith(b"Exif\0\0"):
            exif = body[6:]
        elif (marker == 0xE0 and body.startswith(b"JFIF")) or (
            marker == 0xEE and body.startswith(b"Adobe")
        ):
            names_colours = True
        elif marker in _FRAME_MARKERS and len(body) >= 6:
            precision, height, width, components = struct.unpack_from(">BHHB", body)
            frame = (width, height, precision, components, marker)
        elif marker == 0xDA:
            if frame is None:
                break
            check_size(frame[0], frame[1])
            if data.count(b"\xff\xda", position) > _MAX_SCANS:
                raise DamagedFileError(f"the JPEG data has more than {_MAX_SCANS} scans")
            complete = data.rfind(b"\xff\xd9", position) >= 0
            return Jpeg(*frame, names_colours, exif, complete)
        position += 2 + length
    raise DamagedFileError("the JPEG data ends before the picture begins")


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each chunk of a PNG file (third edition, 5.3), a damaged one's too.

    There are at most :data:`MAX_PNG_CHUNKS`; an end may lie beyond that of the data.
    """
    position = 8
    for _ in range(MAX_PNG_CHUNKS):
        if position + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        yield kind, position, end
        position = end


def decode_jpeg(data: bytes, jpeg: Jpeg, *, rgb: bool = False) -> NDArray[Any]:
    """Decode a JPEG stream to grey ``[H, W]``, or, lossless colour, to ``[H, W, 3]``.

    ``rgb`` says that components without any colour marker are RGB. libjpeg reads a stream that
    ends early as far as it goes and fills the rest.
    """
    if jpeg.components not in (1, 3):
        raise UnsupportedFileError(
            f"it is a JPEG with {jpeg.components} colour components; save it in grey or RGB"
        )
    if jpeg.process == _LOSSLESS:
        return decode("jpeg8", data)
    colorspace = "RGB" if rgb and jpeg.components == 3 and not jpeg.names_colours else None
    return decode("jpeg8", data, colorspace=colorspace, outcolorspace="GRAYSCALE")
