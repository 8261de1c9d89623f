"""Take from a parsed DICOM object, checked, what turns its samples into a radiograph."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from fractura.errors import DamagedFileError, LoadError, UnsupportedFileError
from fractura.imaging.dicom_file.subject import Subject, read_subject
from fractura.imaging.limits import check_size

_MAX_VALUE_BYTES = 1024
_MAX_TABLE_BYTES = 512 * 1024
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_PALETTE = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
_THREE_SAMPLES = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")

KEYWORDS = [
    "SOPClassUID",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "PresentationLUTShape",
    "PresentationIntentType",
    "PixelIntensityRelationshipSign",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "BodyPartExamined",
    "PixelData",
    *_SPACINGS,
    *(name + part for name in _PALETTE for part in ("Descriptor", "Data")),
]
"""What must be parsed for :func:`read_header` and the samples."""

T = TypeVar("T")


class LookupTable(NamedTuple):
    """PS3.3 C.11.1.1: ``values[0]`` belongs to the input ``first``; full scale is ``top``."""

    first: int
    values: NDArray[np.float64]
    top: int


class Window(NamedTuple):
    """A window of PS3.3 C.11.2.1.2; ``function`` is LINEAR, LINEAR_EXACT or SIGMOID."""

    centre: float
    width: float
    function: str


@dataclass(frozen=True)
class DicomHeader:
    """The attributes that matter, each within its valid range.

    ``padding`` holds the lowest and the highest stored value that are not part of the image.
    """

    transfer_syntax: uid.UID
    rows: int
    columns: int
    samples: int
    planar: int
    photometric: str
    frames: int
    bits_allocated: int
    bits_stored: int
    lowest_bit: int
    signed: bool
    padding: tuple[int, int] | None
    slope: float
    intercept: float
    modality_lut: LookupTable | None
    voi_lut: LookupTable | None
    window: Window | None
    inverse: bool
    intent: str
    intensity_sign: int | None
    palette: tuple[LookupTable, ...]
    spacing_mm: tuple[float, float] | None
    subject: Subject
    warnings: tuple[str, ...]


def read_header(dataset: Dataset) -> DicomHeader:
    """Check and convert the attributes.

    An attribute without which the samples cannot be read raises where it is invalid; one that
    only says how to show them is ignored with a warning.

    Raises:
        UnsupportedFileError: the object is not an image, or of a kind that is not read.
        DamagedFileError: an attribute is missing, invalid or contradicts another.
        TooLargeError: the image has too many pixels.
    """
    transfer_syntax = _transfer_syntax(dataset)
    _check_is_image(dataset)
    rows, columns = _integer(dataset, "Rows"), _integer(dataset, "Columns")
    check_size(columns, rows)
    samples = _integer(dataset, "SamplesPerPixel", 1)
    photometric = _photometric(dataset, samples)
    bits_allocated, bits_stored, lowest_bit = _bits(dataset)
    signed = _integer(dataset, "PixelRepresentation", 0) == 1

    optional = _Optional(dataset, transfer_syntax != uid.ExplicitVRBigEndian)
    slope, intercept = optional.read(_rescale, "RescaleSlope", "RescaleIntercept") or (1.0, 0.0)
    modality_lut = optional.table("ModalityLUTSequence", signed)
    lowest = -(1 << bits_stored - 1) if signed else 0
    highest = lowest + (1 << bits_stored) - 1
    negative = modality_lut is None and min(slope * lowest, slope * highest) + intercept < 0
    spacings = (optional.read(_spacing, keyword) for keyword in _SPACINGS)
    shape = optional.read(str, "PresentationLUTShape")
    subject = read_subject(
        str(_value(dataset, "PatientAge") or ""),
        str(_value(dataset, "PatientBirthDate") or ""),
        str(_value(dataset, "StudyDate") or ""),
        _texts(_value(dataset, "BodyPartExamined")),
    )
    return DicomHeader(
        transfer_syntax=transfer_syntax,
        rows=rows,
        columns=columns,
        samples=samples,
        planar=_integer(dataset, "PlanarConfiguration", 0),
        photometric=photometric,
        frames=max(1, _integer(dataset, "NumberOfFrames", 1)),
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        lowest_bit=lowest_bit,
        signed=signed,
        padding=optional.read(
            lambda value, limit=None: _padding(value, limit, signed),
            "PixelPaddingValue",
            "PixelPaddingRangeLimit",
        ),
        slope=slope,
        intercept=intercept,
        modality_lut=modality_lut,
        voi_lut=optional.table("VOILUTSequence", negative),
        window=optional.read(_window, "WindowCenter", "WindowWidth", "VOILUTFunction"),
        inverse=photometric == "MONOCHROME1" or shape == "INVERSE",
        intent=str(optional.read(str, "PresentationIntentType") or "").strip().upper(),
        intensity_sign=optional.read(int, "PixelIntensityRelationshipSign"),
        palette=optional.palette() if photometric == "PALETTE COLOR" else (),
        spacing_mm=next((spacing for spacing in spacings if spacing), None),
        subject=subject,
        warnings=(*optional.warnings, *subject.warnings),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or value is None:
        return (value or "",)
    try:
        return tuple(map(str, value))
    except TypeError:
        return (str(value),)


def _transfer_syntax(dataset: Dataset) -> uid.UID:
    meta = getattr(dataset, "file_meta", Dataset())
    if _value(meta, "MediaStorageSOPClassUID") == uid.MediaStorageDirectoryStorage:
        raise UnsupportedFileError(
            "it is a DICOMDIR, an index of other files; give the image files themselves"
        )
    stated = _value(meta, "TransferSyntaxUID")
    if stated is not None:
        return uid.UID(str(stated))
    implicit, little_endian = dataset.original_encoding
    if implicit:
        return uid.ImplicitVRLittleEndian
    return uid.ExplicitVRLittleEndian if little_endian else uid.ExplicitVRBigEndian


def _check_is_image(dataset: Dataset) -> None:
    if "PixelData" in dataset:
        return
    meta = getattr(dataset, "file_meta", Dataset())
    stated = _value(dataset, "SOPClassUID") or _value(meta, "MediaStorageSOPClassUID")
    kind = uid.UID(str(stated or "")).name
    if "Image" in kind:
        raise DamagedFileError(f"it is a DICOM {kind} object without whole pixel data")
    raise UnsupportedFileError(f"it is a DICOM {kind or 'unknown'} object, not an image")


def _photometric(dataset: Dataset, samples: int) -> str:
    stated = _value(dataset, "PhotometricInterpretation")
    photometric = str(stated) if stated else {1: "MONOCHROME2", 3: "RGB"}.get(samples, "")
    if photometric not in _ONE_SAMPLE + _THREE_SAMPLES:
        raise UnsupportedFileError(f"its photometric interpretation {photometric!r} is not read")
    if samples != (1 if photometric in _ONE_SAMPLE else 3):
        raise DamagedFileError(f"it has {samples} samples a pixel and says it is {photometric}")
    return photometric


def _bits(dataset: Dataset) -> tuple[int, int, int]:
    """Bits allocated, bits stored, and the position of the lowest stored bit."""
    allocated = _integer(dataset, "BitsAllocated")
    stored = _integer(dataset, "BitsStored", allocated)
    if allocated not in (1, 8, 16, 32):
        raise UnsupportedFileError(f"it has {allocated} bits a sample; 1, 8, 16 and 32 are read")
    if not 1 <= stored <= allocated:
        raise DamagedFileError(f"it says that samples of {allocated} bits store {stored}")
    lowest = _integer(dataset, "HighBit", stored - 1) + 1 - stored
    if not 0 <= lowest <= allocated - stored:
        raise DamagedFileError("its HighBit contradicts its BitsStored")
    return allocated, stored, lowest


def _value(dataset: Dataset, keyword: str, most_bytes: int = _MAX_VALUE_BYTES) -> Any:
    """The converted value, or None where the element is absent or empty."""
    try:
        element = dataset.get_item(Tag(keyword)) if keyword in dataset else None
        if isinstance(element, RawDataElement) and len(element.value or b"") > most_bytes:
            raise DamagedFileError(f"its {keyword} is {element.length} bytes long")
        return None if element is None or dataset[keyword].is_empty else dataset[keyword].value
    except LoadError:
        raise
    except Exception as error:  # pydicom raises many types on damaged values
        raise DamagedFileError(f"its {keyword} is damaged") from error


def _integer(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    value = _value(dataset, keyword)
    if value is None and default is not None:
        return default
    if not isinstance(value, int):
        raise DamagedFileError(f"its {keyword} is {'missing' if value is None else 'damaged'}")
    return int(value)


class _Optional:
    """Reads attributes that may be invalid, and collects a warning for each that is."""

    def __init__(self, dataset: Dataset, little_endian: bool) -> None:
        self.warnings: list[str] = []
        self._dataset = dataset
        self._order = "<" if little_endian else ">"

    def read(self, convert: Callable[..., T], *keywords: str) -> T | None:
        """``convert`` of the values; None where the first is absent or any is invalid."""
        try:
            values = [_value(self._dataset, keyword) for keyword in keywords]
            return None if values[0] is None else convert(*values)
        except (LoadError, ValueError, TypeError, OverflowError):
            self.warnings.append(f"{' and '.join(keywords)} are invalid and were ignored")
            return None

    def table(self, keyword: str, signed: bool) -> LookupTable | None:
        """The table in the first item of a sequence."""
        try:
            items = _value(self._dataset, keyword, _MAX_TABLE_BYTES)
            return items and self._table(items[0], "LUTDescriptor", "LUTData", signed)
        except (LoadError, ValueError, TypeError, OverflowError, AttributeError, IndexError):
            self.warnings.append(f"{keyword} is invalid and was ignored")
            return None

    def palette(self) -> tuple[LookupTable, ...]:
        try:
            return tuple(
                self._table(self._dataset, name + "Descriptor", name + "Data", False)
                for name in _PALETTE
            )
        except (ValueError, TypeError, OverflowError) as error:
            raise DamagedFileError("its colour palette is missing or damaged") from error

    def _table(self, dataset: Dataset, descriptor: str, data: str, signed: bool) -> LookupTable:
        count, first, bits = self._words(_value(dataset, descriptor), 3)
        count = count or 65536
        if signed and first >= 1 << 15:
            first -= 1 << 16
        if not 8 <= bits <= 16:
            raise ValueError("table entries of impossible depth")
        values = self._words(_value(dataset, data, _MAX_TABLE_BYTES), count)
        # Some writers state 8 bits and store 16.
        top = (1 << bits) - 1 if values.max() < 1 << bits else (1 << 16) - 1
        return LookupTable(int(first), values.astype(np.float64), top)

    def _words(self, value: Any, count: int) -> NDArray[np.int64]:
        """``count`` unsigned numbers from what pydicom makes of US, SS and OW."""
        if isinstance(value, bytes):
            if len(value) < 2 * count:
                return np.frombuffer(value, np.uint8, count).astype(np.int64)
            return np.frombuffer(value, f"{self._order}u2", count).astype(np.int64)
        numbers = np.array([int(number) for number in np.atleast_1d(value)], dtype=np.int64)
        if len(numbers) < count:
            raise ValueError("too few numbers")
        return numbers[:count] & 0xFFFF


def _floats(value: Any) -> list[float]:
    numbers = [float(number) for number in (value if hasattr(value, "__len__") else [value])]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("not finite")
    return numbers


def _rescale(slope: Any, intercept: Any) -> tuple[float, float]:
    (slope,), (intercept,) = _floats(slope), _floats(0 if intercept is None else intercept)
    if slope == 0:
        raise ValueError("a slope of zero shows nothing")
    return slope, intercept


def _window(centre: Any, width: Any, function: Any) -> Window:
    """The first of the windows."""
    window = Window(_floats(centre)[0], _floats(width)[0], str(function or "LINEAR"))
    if window.function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        raise ValueError("unknown function")
    if window.width <= 0 or (window.function == "LINEAR" and window.width < 1):
        raise ValueError("no width")
    return window


def _padding(value: Any, limit: Any, signed: bool) -> tuple[int, int]:
    numbers = [int(number) & 0xFFFF for number in (value, value if limit is None else limit)]
    if signed:
        numbers = [number - (1 << 16) if number >= 1 << 15 else number for number in numbers]
    return min(numbers), max(numbers)


def _spacing(value: Any) -> tuple[float, float]:
    row, column = _floats(value)
    if row <= 0 or column <= 0:
        raise ValueError("not positive")
    return row, column
