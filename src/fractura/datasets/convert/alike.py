"""Which image files other programs read as we do."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from fractura.errors import LoadError
from fractura.imaging import codecs, tiff_tags

_PNG = b"\x89PNG\r\n\x1a\n"
_GREY_OR_RGB = (0, 2)
_HUFFMAN = (0xC0, 0xC1, 0xC2)
"""Start-of-frame markers of JPEG's baseline, extended and progressive processes (T.81, B.1.1.3)."""


class AlikeFile(NamedTuple):
    """A file that PIL, OpenCV and torchvision read alike: its size, and suffixes of its kind."""

    width: int
    height: int
    suffixes: tuple[str, ...]


def find_alike(data: bytes) -> AlikeFile | None:
    """What the content is, if every reader gives the same pixels of it by default; else ``None``.

    These are whole PNG files in grey or RGB and whole Huffman-coded JPEG files with one or three
    components, of 8 bits a sample, upright and opaque. PIL and torchvision leave a picture as EXIF
    turned it where OpenCV turns it back, and the three differ on 16 bits, palettes and alpha;
    torchvision reads neither TIFF nor BMP, and none of them DICOM.
    """
    if data.startswith(_PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    return None


def _png(data: bytes) -> AlikeFile | None:
    if len(data) < 33 or data[12:16] != b"IHDR":
        return None
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    if depth != 8 or colour not in _GREY_OR_RGB:
        return None
    for kind, start, end in codecs.png_chunks(data):
        if zlib.crc32(data[start + 4 : end - 4]).to_bytes(4) != data[end - 4 : end]:
            return None
        if kind in (b"tRNS", b"acTL"):
            return None
        if kind == b"eXIf" and tiff_tags.orientation(data[start + 8 : end - 4]) != 1:
            return None
        if kind == b"IEND":
            return AlikeFile(width, height, (".png",))
    return None


def _jpeg(data: bytes) -> AlikeFile | None:
    try:
        jpeg = codecs.read_jpeg_markers(data)
    except LoadError:
        return None
    common = jpeg.precision == 8 and jpeg.process in _HUFFMAN and jpeg.components in (1, 3)
    if not (common and jpeg.complete and tiff_tags.orientation(jpeg.exif) == 1):
        return None
    return AlikeFile(jpeg.width, jpeg.height, (".jpg", ".jpeg"))
