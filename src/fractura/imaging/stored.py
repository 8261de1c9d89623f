"""The stored values of a radiograph, as a viewer needs them that windows by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractura.errors import LoadError
from fractura.imaging.dicom_file.display import find_padding, full_range, to_pixels
from fractura.imaging.dicom_file.header import KEYWORDS, DicomHeader, LookupTable, read_header
from fractura.imaging.dicom_file.parse import parse
from fractura.imaging.dicom_file.pixels import decode_frame
from fractura.imaging.frames import choose_frame
from fractura.imaging.grey import Pixels, Samples
from fractura.imaging.load import is_dicom, load_bytes

Values = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """Grey values at full depth, and how they are shown at first.

    A value ``v`` is shown as ``(v * slope + intercept - (window_center - 0.5)) / (window_width -
    1) + 0.5``, cut to 0..1 (PS3.3 C.11.2.1.2.1, LINEAR), and then inverted if ``invert``.

    Attributes:
        values: uint16 ``[rows, columns]``.
        bits: that a value may use, 1..16.
        slope, intercept: of the modality transform; signed samples were shifted to start at 0,
            which ``intercept`` undoes.
        window_center, window_width: after the modality transform; the width is 1 or more.
        invert: whether small values are bright, as in MONOCHROME1.
        spacing_mm: millimetres between neighbouring pixels ``(row, column)``, where known.
    """

    values: Values
    bits: int
    slope: float
    intercept: float
    window_center: float
    window_width: float
    invert: bool
    spacing_mm: tuple[float, float] | None


def stored_pixels(data: bytes, frame: int | None = None) -> StoredPixels:
    """Decode a file that :func:`fractura.imaging.load.load_bytes` reads, and keep its depth.

    Grey DICOM images keep their samples; a modality LUT is applied to them, and samples of more
    than 16 bits are scaled to 16. The window is the one with which the file is loaded: the first,
    or the full range where there is none. A VOI LUT and a sigmoid become the straight line that
    comes close. Padding takes the value that is shown darkest. All other files, colour among
    them, give their grey pixels in 8 or, if they have more, 16 bits.

    Args:
        data: the file.
        frame: which frame of a file with several, counted from 1.

    Raises:
        LoadError: as :func:`fractura.imaging.load.load_bytes`.
    """
    if not is_dicom(data):
        radiograph = load_bytes(data, frame=frame)
        return _of_pixels(radiograph.pixels, radiograph.bits, radiograph.spacing_mm)
    try:
        return _of_dicom(data, frame)
    except LoadError as error:
        raise type(error)(f"the image: {error}") from error


def _of_dicom(data: bytes, frame: int | None) -> StoredPixels:
    dataset = parse(data, KEYWORDS)
    header = read_header(dataset)
    samples, _ = decode_frame(dataset, header, choose_frame(frame, header.frames))
    if samples.ndim != 2 or not header.photometric.startswith("MONOCHROME"):
        return _of_pixels(to_pixels(samples, header)[0], header.bits_stored, header.spacing_mm)
    padding = find_padding(samples, header)
    low, high, falls = _shown_range(samples, padding, header)
    invert = header.inverse != falls
    values, bits, slope, intercept = _modality(samples, header)
    if padding is not None:
        values[padding] = 0 if (slope > 0) != invert else (1 << bits) - 1
    return StoredPixels(
        values=values,
        bits=bits,
        slope=slope,
        intercept=intercept,
        window_center=(low + high + 1) / 2,
        window_width=high - low + 1,
        invert=invert,
        spacing_mm=header.spacing_mm,
    )


def _of_pixels(pixels: Pixels, bits: int, spacing_mm: tuple[float, float] | None) -> StoredPixels:
    depth = 8 if bits <= 8 else 16
    count = 1 << depth
    values = np.rint(pixels * np.float32(count - 1)).astype(np.uint16)
    return StoredPixels(values, depth, 1.0, 0.0, count / 2, float(count), False, spacing_mm)


def _modality(samples: Samples, header: DicomHeader) -> tuple[Values, int, float, float]:
    """Values from 0 on, the bits they may use, slope and intercept."""
    if header.modality_lut is not None:
        table = header.modality_lut
        index = np.clip(samples.astype(np.int64) - table.first, 0, len(table.values) - 1)
        return table.values.astype(np.uint16)[index], int(table.top).bit_length(), 1.0, 0.0
    if header.bits_stored > 16:
        lowest, highest = int(samples.min()), int(samples.max())
        step = max(1, highest - lowest) / 65535
        values = np.rint((samples.astype(np.float64) - lowest) / step).astype(np.uint16)
        return values, 16, header.slope * step, header.slope * lowest + header.intercept
    first = -(1 << header.bits_stored - 1) if header.signed else 0
    values = (samples.astype(np.int32) - first).astype(np.uint16)
    return values, header.bits_stored, header.slope, header.intercept + header.slope * first


def _shown_range(
    samples: Samples, padding: NDArray[np.bool_] | None, header: DicomHeader
) -> tuple[float, float, bool]:
    """The modality values that become black and white, and whether they swap their roles."""
    if header.voi_lut is not None:
        return _line(header.voi_lut)
    if header.window is None:
        return (*full_range(samples, padding, header)[:2], False)
    centre, width, function = header.window
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    # A sigmoid's slope at its centre is that of LINEAR_EXACT.
    return centre - width / 2, centre + width / 2, False


def _line(table: LookupTable) -> tuple[float, float, bool]:
    """The line through the inputs for which a table first passes a tenth and nine tenths of its
    range; the whole table where these are the same. The last says whether it falls."""
    values = table.values - table.values.min()
    falls = bool(values[0] > values[-1])
    rising = values[::-1] if falls else values
    tenth, nine_tenths = (int(np.argmax(rising >= part * values.max())) for part in (0.1, 0.9))
    if tenth == nine_tenths:
        tenth, nine_tenths, beyond = 0, len(values) - 1, 0.0
    else:
        beyond = (nine_tenths - tenth) / 8
    low, high = tenth - beyond, nine_tenths + beyond
    if falls:
        low, high = len(values) - 1 - high, len(values) - 1 - low
    return table.first + low, table.first + max(high, low + 1), falls
