"""Decode one frame of a DICOM image to samples of the stored bit depth."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.tag import Tag

from fractura.errors import DamagedFileError, LoadError, UnsupportedFileError
from fractura.imaging import codecs
from fractura.imaging.dicom_file.header import DicomHeader
from fractura.imaging.dicom_file.parse import CountedStream
from fractura.imaging.grey import Samples

_PIXEL_DATA = Tag("PixelData")

Decoder = Callable[[bytes, DicomHeader], tuple[Samples, tuple[str, ...]]]


def decode_frame(
    dataset: Dataset, header: DicomHeader, index: int
) -> tuple[Samples, tuple[str, ...]]:
    """Decode the frame at ``index`` (from 0).

    Returns samples ``[rows, columns]`` or ``[rows, columns, 3]`` as integers in the range of
    ``header.bits_stored``, and warnings. Lossy JPEG colour comes out as grey; other colour stays
    in the colour space that the header names, save for JPEG 2000, whose own colour transform is
    undone.

    Raises:
        DamagedFileError: the pixel data is too short, damaged or contradicts the header.
        UnsupportedFileError: the transfer syntax is not read.
    """
    if header.transfer_syntax in _NATIVE:
        samples = _native(dataset, header, index)
        return _unpack(samples, header), _beyond(samples, header)
    decoder = _ENCAPSULATED.get(header.transfer_syntax)
    if decoder is None:
        raise UnsupportedFileError(
            f"its transfer syntax {header.transfer_syntax.name} is not read; "
            "convert it to an uncompressed one first"
        )
    samples, warnings = decoder(_encoded_frame(dataset, header, index), header)
    if samples.shape not in ((header.rows, header.columns), (header.rows, header.columns, 3)):
        raise DamagedFileError("the compressed pixel data has another size than the header says")
    return samples, warnings


def _native(dataset: Dataset, header: DicomHeader, index: int) -> Samples:
    pixels = header.rows * header.columns
    samples = 2 if header.photometric == "YBR_FULL_422" else header.samples
    needed = -(-pixels * samples * header.bits_allocated * (index + 1) // 8)
    data = _pixel_data(dataset)
    if len(data) < needed:
        raise DamagedFileError(f"its pixel data ends early: {len(data):,} bytes of {needed:,}")
    layout: dict[str, Any] = {
        "rows": header.rows,
        "columns": header.columns,
        "number_of_frames": header.frames,
        "samples_per_pixel": header.samples,
        "planar_configuration": header.planar,
        "photometric_interpretation": header.photometric,
        "bits_allocated": header.bits_allocated,
        "bits_stored": header.bits_allocated,
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
        "pixel_vr": dataset.get_item(_PIXEL_DATA).VR,
    }
    try:
        decoder = get_decoder(header.transfer_syntax)
        # The length is checked above; pydicom's own check would only warn of trailing bytes.
        array, _ = decoder.as_array(data, index=index, validate=False, raw=True, **layout)
    except Exception as error:  # pydicom raises many types on contradicting headers
        raise DamagedFileError("its pixel data contradicts its header") from error
    return array


def _pixel_data(dataset: Dataset) -> bytes:
    """The raw value: converted by pydicom it would be a copy."""
    try:
        data = dataset.get_item(_PIXEL_DATA).value
    except Exception as error:  # pydicom raises many types on damaged elements
        raise DamagedFileError("its pixel data element is damaged") from error
    return data if isinstance(data, bytes) else b""


def _unpack(samples: Samples, header: DicomHeader) -> Samples:
    """Take the stored bits out of their cells, and restore the sign."""
    bits = header.bits_stored
    if header.lowest_bit or bits < 8 * samples.dtype.itemsize:
        samples = (samples >> header.lowest_bit) & ((1 << bits) - 1)
    if not header.signed:
        return samples
    wide: Samples = samples.astype(np.int64 if bits > 16 else np.int32)
    sign = 1 << bits - 1
    wide = (wide ^ sign) - sign
    return wide.astype(np.int32 if bits > 16 else np.int16)


def _beyond(samples: Samples, header: DicomHeader) -> tuple[str, ...]:
    """A warning where bits above Bits Stored are set other than to repeat the sign.

    PS3.5, 8.1.1, gives them no meaning; they are dropped, as pydicom does.
    """
    end = header.lowest_bit + header.bits_stored
    if end >= 8 * samples.dtype.itemsize:
        return ()
    above = samples >> end
    bad = above != 0
    if header.signed:
        negative = (samples >> end - 1) & 1 == 1
        bad &= ~(negative & (above == (1 << 8 * samples.dtype.itemsize - end) - 1))
    if not bad.any():
        return ()
    return (f"samples use bits beyond the {header.bits_stored} stored; these bits were dropped",)


def _encoded_frame(dataset: Dataset, header: DicomHeader, index: int) -> bytes:
    try:
        stream = CountedStream(_pixel_data(dataset))
        return get_frame(stream, index, number_of_frames=header.frames)
    except LoadError:
        raise
    except Exception as error:  # pydicom raises many types on damaged fragments
        raise DamagedFileError("its compressed pixel data is damaged") from error


def _jpeg(data: bytes, header: DicomHeader) -> tuple[Samples, tuple[str, ...]]:
    jpeg = _read_markers(data, header)
    samples = codecs.decode_jpeg(data, jpeg, rgb=header.photometric == "RGB")
    warnings = () if jpeg.complete else (codecs.TRUNCATED,)
    return _signed(samples, header), warnings


def _jpeg_ls(data: bytes, header: DicomHeader) -> tuple[Samples, tuple[str, ...]]:
    _read_markers(data, header)
    # CharLS counts for seconds when it runs into the end of a stream without an end marker.
    return _signed(codecs.decode("jpegls", data + b"\xff\xd9"), header), ()


def _read_markers(data: bytes, header: DicomHeader) -> codecs.Jpeg:
    jpeg = codecs.read_jpeg_markers(data)
    _check_stream(jpeg.width, jpeg.height, jpeg.components, header)
    return jpeg


def _jpeg_2000(data: bytes, header: DicomHeader) -> tuple[Samples, tuple[str, ...]]:
    """The size is in the SIZ segment, which follows the start of the code stream (T.800, A.5.1)."""
    start = data.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(data) < start + 42:
        raise DamagedFileError("its JPEG 2000 data has no header")
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    (components,) = struct.unpack_from(">H", data, start + 40)
    _check_stream(right - left, bottom - top, components, header)
    return _signed(codecs.decode("jpeg2k", data), header), ()


def _check_stream(width: int, height: int, components: int, header: DicomHeader) -> None:
    """Refuse a contradicting stream before memory is given to it."""
    if (width, height) != (header.columns, header.rows) or components != header.samples:
        raise DamagedFileError(
            f"its header says {header.columns} x {header.rows} pixels of {header.samples} samples, "
            f"its compressed data {width} x {height} of {components}"
        )


def _signed(samples: Samples, header: DicomHeader) -> Samples:
    """Samples with the sign that the header states; the codec's may differ."""
    if samples.dtype.kind == "i":
        samples = samples.view(f"u{samples.dtype.itemsize}")
    elif not header.signed:
        return samples
    return _unpack(samples, header)


def _rle(data: bytes, header: DicomHeader) -> tuple[Samples, tuple[str, ...]]:
    """PS3.5, annex G: one segment for each byte of each sample, the most significant first."""
    cell = np.dtype(f">u{max(1, header.bits_allocated // 8)}")
    count = header.samples * cell.itemsize
    if len(data) < 64 or struct.unpack_from("<I", data)[0] != count:
        raise DamagedFileError(f"its RLE data does not hold the {count} segments it needs")
    starts = struct.unpack_from(f"<{count}I", data, 4)
    planes = np.empty((header.samples, cell.itemsize, header.rows * header.columns), np.uint8)
    warnings: tuple[str, ...] = ()
    for plane, start, end in zip(
        planes.reshape(count, -1), starts, (*starts[1:], len(data)), strict=True
    ):
        segment = data[start:end]
        try:
            size = len(codecs.decode("packbits", segment, out=plane))
        except DamagedFileError:
            used, size = _needed(segment, len(plane))
            longer = codecs.decode("packbits", segment[:used], out=np.empty(size, np.uint8))
            if size >= len(plane):
                plane[:] = longer[: len(plane)]
                warnings = ("its RLE segments are longer than needed; the rest was ignored",)
        if size < len(plane):
            raise DamagedFileError("its RLE data ends early")
    cells = np.ascontiguousarray(planes.swapaxes(1, 2)).view(cell)
    samples = cells.astype(cell.newbyteorder("=")).reshape(header.samples, header.rows, -1)
    samples = samples[0] if header.samples == 1 else np.moveaxis(samples, 0, 2)
    return _unpack(samples, header), (*warnings, *_beyond(samples, header))


def _needed(segment: bytes, count: int) -> tuple[int, int]:
    """Bytes of a segment that give at least ``count`` samples, and how many they give.

    Fewer than ``count`` where the segment ends early (PS3.5, G.3.2).
    """
    at = size = 0
    while size < count and at + 1 < len(segment):
        control = segment[at]
        if control < 128:
            if at + 2 + control > len(segment):
                break
            at, size = at + 2 + control, size + 1 + control
        elif control > 128:
            at, size = at + 2, size + 257 - control
        else:
            at += 1
    return at, size


_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
)
_ENCAPSULATED: dict[str, Decoder] = {
    uid.RLELossless: _rle,
    uid.JPEGBaseline8Bit: _jpeg,
    uid.JPEGExtended12Bit: _jpeg,
    uid.JPEGLossless: _jpeg,
    uid.JPEGLosslessSV1: _jpeg,
    uid.JPEGLSLossless: _jpeg_ls,
    uid.JPEGLSNearLossless: _jpeg_ls,
    uid.JPEG2000Lossless: _jpeg_2000,
    uid.JPEG2000: _jpeg_2000,
    uid.HTJ2KLossless: _jpeg_2000,
    uid.HTJ2KLosslessRPCL: _jpeg_2000,
    uid.HTJ2K: _jpeg_2000,
}
