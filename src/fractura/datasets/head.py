"""What the head of an image file says, without decoding the image."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from fractura.errors import DamagedFileError, LoadError, UnsupportedFileError
from fractura.imaging import codecs, tiff_tags
from fractura.imaging.limits import check_size


class Head(NamedTuple):
    """What is known of an image before its pixels.

    Attributes:
        width, height: in pixels, as the image is shown (EXIF orientation applied).
        bits: of a pixel.
        format: such as ``PNG``.
        orientation: EXIF's, 1 to 8 (Exif 2.32, tag 0x0112); 1 where there is none.
    """

    width: int
    height: int
    bits: int
    format: str
    orientation: int = 1

    def fields(self) -> dict[str, Any]:
        """Those that a record has."""
        return {name: getattr(self, name) for name in ("width", "height", "bits", "format")}


def read_head(data: bytes) -> Head:
    """The head of a PNG, JPEG, TIFF, BMP, WebP or DICOM file.

    Width, height and bits are those that :func:`fractura.imaging.load.load` would report.

    Raises:
        LoadError: the data is none of these, or its head is damaged.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _other(data, "PNG")
    if data.startswith(b"BM"):
        return _other(data, "BMP")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _other(data, "WEBP")
    return _dicom(data)


def _jpeg(data: bytes) -> Head:
    jpeg = codecs.read_jpeg_markers(data)
    orientation = tiff_tags.orientation(jpeg.exif)
    return _turned(Head(jpeg.width, jpeg.height, jpeg.precision, "JPEG"), orientation)


def _tiff(data: bytes) -> Head:
    for tags in tiff_tags.directories(data):
        if tags.first(tiff_tags.NEW_SUBFILE_TYPE, 0) & 1:
            continue
        width, height = tags.first(tiff_tags.WIDTH, 0), tags.first(tiff_tags.HEIGHT, 0)
        check_size(width, height)
        bits = tags.first(tiff_tags.BITS_PER_SAMPLE, 1)
        return _turned(Head(width, height, bits, "TIFF"), tags.first(tiff_tags.ORIENTATION, 1))
    raise DamagedFileError("the TIFF data holds no image")


def _other(data: bytes, kind: str) -> Head:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            (width, height), exif = image.size, image.info.get("exif", b"")
    except Exception as error:  # Pillow raises many types on damaged heads
        raise DamagedFileError(f"the head of the {kind} data is damaged") from error
    check_size(width, height)
    bits = data[24] if kind == "PNG" else 8
    orientation = tiff_tags.orientation(exif.removeprefix(b"Exif\0\0"))
    return _turned(Head(width, height, bits, kind), orientation)


def _dicom(data: bytes) -> Head:
    from fractura.imaging.dicom_file.header import KEYWORDS, read_header
    from fractura.imaging.dicom_file.parse import parse

    try:
        header = read_header(parse(data, KEYWORDS))
    except LoadError as error:
        if data[128:132] == b"DICM":
            raise
        raise UnsupportedFileError(
            "it is not a PNG, JPEG, TIFF, BMP, WebP or DICOM image"
        ) from error
    return Head(header.columns, header.rows, header.bits_stored, "DICOM")


def _turned(head: Head, orientation: int) -> Head:
    """Orientations 5 to 8 swap the sides; numbers that mean nothing turn nothing."""
    if not 1 <= orientation <= 8:
        return head
    if orientation >= 5:
        head = head._replace(width=head.height, height=head.width)
    return head._replace(orientation=orientation)
