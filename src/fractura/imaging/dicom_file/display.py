"""Turn DICOM samples into grey pixels as PS3.3 and PS3.4 (annex N) order it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fractura.errors import DamagedFileError
from fractura.imaging.dicom_file.header import DicomHeader, LookupTable, Window
from fractura.imaging.grey import Pixels, Samples, bits_in_use, luma

Floats = NDArray[np.float64]

FLAT, LEVELS = 0.02, 16
"""A window hides an image of more levels whose grey values span less."""
LEAST_SHOWN = 0.1
"""Share of the samples' span that a window must show."""


def to_pixels(samples: Samples, header: DicomHeader) -> tuple[Pixels, tuple[str, ...]]:
    """Grey pixels in 0..1, bone bright, and warnings, of the samples of one frame.

    MONOCHROME samples pass the modality LUT or rescale, then the VOI LUT or the first window (or,
    without any, the full range of the samples), then the inversion. Colour becomes its luma.
    """
    if header.photometric == "PALETTE COLOR":
        return _from_palette(samples, header.palette), ()
    if header.photometric.startswith("MONOCHROME"):
        if samples.ndim != 2:
            raise DamagedFileError("its header says grey, its pixel data is coloured")
        return _from_grey(samples, header)
    return _clip(_from_colour(samples, header)), ()


def _from_palette(samples: Samples, palette: tuple[LookupTable, ...]) -> Pixels:
    if samples.ndim != 2:
        raise DamagedFileError("its header says palette, its pixel data is coloured")
    curve = np.arange(65536.0)
    weights = (0.299, 0.587, 0.114)
    grey = sum(
        weight / table.top * _look_up(curve, table)
        for weight, table in zip(weights, palette, strict=True)
    )
    return _apply(np.asarray(grey), samples, 0)


def _from_colour(samples: Samples, header: DicomHeader) -> Pixels:
    white = float((1 << header.bits_stored) - 1)
    if samples.ndim == 2:
        return samples.astype(np.float32) / np.float32(white)
    if header.photometric in ("RGB", "YBR_RCT", "YBR_ICT"):
        return luma(samples, white)
    return samples[..., 0].astype(np.float32) / np.float32(white)


def _from_grey(samples: Samples, header: DicomHeader) -> tuple[Pixels, tuple[str, ...]]:
    pixels, warnings = _displayed(samples, header)
    if header.window is None or not _hides(pixels, samples, header):
        return pixels, warnings
    centre, width, _ = header.window
    ignored = f"the window {centre:g} / {width:g} shows nothing of the samples and was ignored"
    pixels, warnings = _displayed(samples, replace(header, window=None))
    return pixels, (ignored, *warnings)


def _hides(pixels: Pixels, samples: Samples, header: DicomHeader) -> bool:
    """Whether a window shows hardly anything of samples that differ."""
    there = samples[::4, ::4]
    if header.window is None or len(np.unique(there)) <= LEVELS:
        return False
    values = np.percentile(there, (0.5, 99.5)) * header.slope + header.intercept
    first, last = sorted(values.tolist())
    centre, width, _ = header.window
    shown = min(last, centre + width / 2) - max(first, centre - width / 2)
    low, high = np.percentile(pixels[::4, ::4], (0.5, 99.5))
    return bool(high - low < FLAT or shown < LEAST_SHOWN * (last - first))


def _displayed(samples: Samples, header: DicomHeader) -> tuple[Pixels, tuple[str, ...]]:
    padding = find_padding(samples, header)
    low, high = 0.0, 1.0
    warnings: tuple[str, ...] = ()
    if not (header.voi_lut or header.window):
        low, high, warnings = full_range(samples, padding, header)

    def show(values: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return _show(values, header, low, high)

    if samples.dtype.itemsize <= 2:
        limits = np.iinfo(samples.dtype)
        curve = show(np.arange(limits.min, limits.max + 1, dtype=np.float64))
        pixels = _apply(curve, samples, limits.min)
    else:
        pixels = _clip(show(samples.astype(np.float64)))
    if padding is not None:
        pixels[padding] = 0
    return pixels, warnings


def find_padding(samples: Samples, header: DicomHeader) -> NDArray[np.bool_] | None:
    """Where samples are not part of the image (PS3.3 C.7.5.1.1.2); None where all or none are."""
    if header.padding is None:
        return None
    padding = (samples >= header.padding[0]) & (samples <= header.padding[1])
    return padding if padding.any() and not padding.all() else None


def full_range(
    samples: Samples, padding: NDArray[np.bool_] | None, header: DicomHeader
) -> tuple[float, float, tuple[str, ...]]:
    """The values, after the modality transform, that become black and white without any VOI."""
    if header.modality_lut is not None:
        return 0.0, float(header.modality_lut.top), ()
    inside = samples if padding is None else samples[~padding]
    lowest, highest = int(inside.min()), int(inside.max())
    if header.signed or header.bits_stored > 16:
        low, high = lowest, max(highest, lowest + 1)
        warnings: tuple[str, ...] = (
            f"no window is given; the samples were stretched from {low}..{high} to the full range",
        )
    else:
        bits, warnings = bits_in_use(highest, header.bits_stored)
        low, high = 0, (1 << bits) - 1
    ends = sorted(value * header.slope + header.intercept for value in (low, high))
    return ends[0], ends[1], warnings


def _show(values: Floats, header: DicomHeader, low: float, high: float) -> Floats:
    """Stored values to 0..1."""
    if header.modality_lut is not None:
        values = _look_up(values, header.modality_lut)
    else:
        values = values * header.slope + header.intercept
    if header.voi_lut is not None:
        shown = _look_up(values, header.voi_lut) / header.voi_lut.top
    elif header.window is not None:
        shown = _apply_window(values, header.window)
    else:
        shown = (values - low) / (high - low)
    shown = np.clip(shown, 0, 1)
    return 1 - shown if header.inverse else shown


def _apply_window(values: Floats, window: Window) -> Floats:
    """PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT), C.11.2.1.3.1 (SIGMOID)."""
    centre, width, function = window
    if function == "SIGMOID":
        # 1 / (1 + exp(-4 x)) without its overflow.
        return 0.5 + 0.5 * np.tanh(2 * (values - centre) / width)
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _look_up(values: Floats, table: LookupTable) -> Floats:
    """PS3.3 C.11.1.1: inputs beyond either end take the end's value."""
    index = np.clip(np.rint(values) - table.first, 0, len(table.values) - 1)
    found: Floats = table.values[index.astype(np.intp)]
    return found


def _apply(curve: Floats, samples: Samples, first: int) -> Pixels:
    """``curve[samples - first]``, row by row: the indices of all at once would fill the memory."""
    shown = _clip(curve)
    pixels = np.empty(samples.shape, np.float32)
    for target, row in zip(pixels, samples, strict=True):
        np.take(shown, row.astype(np.intp) - first, out=target, mode="clip")
    return pixels


def _clip(pixels: NDArray[np.floating]) -> Pixels:
    return np.ascontiguousarray(np.clip(pixels, 0, 1), dtype=np.float32)
