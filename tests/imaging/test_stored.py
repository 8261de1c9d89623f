"""Stored values and window together show what the loader shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import uid

from fractura.errors import DamagedFileError, LoadError, SeveralFramesError
from fractura.imaging.load import load_bytes
from fractura.imaging.stored import StoredPixels, stored_pixels
from tests.imaging.test_load_dicom import STORED, lut, write


def show(stored: StoredPixels) -> NDArray[np.float64]:
    """PS3.3 C.11.2.1.2.1, as a viewer does it."""
    values = stored.values * stored.slope + stored.intercept
    middle = stored.window_center - 0.5
    if stored.window_width == 1:
        shown = (values > middle).astype(np.float64)
    else:
        shown = np.clip((values - middle) / (stored.window_width - 1) + 0.5, 0, 1)
    return 1 - shown if stored.invert else shown


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Grey objects of 8 to 16 bits whose window is linear, or the full range."""
    bits = draw(st.integers(8, 16))
    signed = draw(st.booleans())
    first = -(1 << bits - 1) if signed else 0
    seed = draw(st.integers(0, 1 << 16))
    top = draw(st.integers(1, (1 << bits) - 1))
    samples = np.random.default_rng(seed).integers(first, first + top, (9, 7), endpoint=True)
    kind = f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"
    attributes: dict[str, Any] = {
        "BitsStored": bits,
        "PhotometricInterpretation": draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2"])),
        "PresentationLUTShape": draw(st.sampled_from(["IDENTITY", "INVERSE"])),
    }
    if draw(st.booleans()):
        attributes["RescaleSlope"] = draw(st.sampled_from(["1", "0.5", "-1", "2.25"]))
        attributes["RescaleIntercept"] = draw(st.integers(-2000, 2000))
    if draw(st.booleans()):
        attributes["WindowCenter"] = draw(st.integers(-500, 4000)) + draw(st.sampled_from([0, 0.5]))
        attributes["WindowWidth"] = draw(st.integers(1, 5000))
        attributes["VOILUTFunction"] = draw(st.sampled_from(["LINEAR", "LINEAR_EXACT"]))
    cells = samples.astype(kind)
    if signed and bits < 16 and kind == "i2":
        cells &= np.int16((1 << bits) - 1)
    return write(cells, **attributes)


@settings(max_examples=150)
@given(objects())
def test_values_window_and_inversion_show_what_is_loaded(data: bytes) -> None:
    radiograph, stored = load_bytes(data), stored_pixels(data)
    assert stored.values.dtype == np.uint16
    assert int(stored.values.max()) < 1 << stored.bits
    assert stored.bits == radiograph.bits
    np.testing.assert_allclose(show(stored), radiograph.pixels, atol=1e-5)


def test_real_objects_show_what_is_loaded(shared_data: Path) -> None:
    paths = sorted((shared_data / "dicom").rglob("*.dcm"))
    assert len(paths) == 11
    for path in paths:
        data = path.read_bytes()
        radiograph, stored = load_bytes(data), stored_pixels(data)
        np.testing.assert_allclose(show(stored), radiograph.pixels, atol=1 / 255, err_msg=path.name)
        assert len(np.unique(stored.values)) >= len(np.unique(radiograph.pixels))
        assert stored.spacing_mm == radiograph.spacing_mm


def test_samples_are_kept_and_signed_ones_shifted() -> None:
    stored = stored_pixels(write(STORED, BitsStored=12, WindowCenter=2000, WindowWidth=1001))
    np.testing.assert_array_equal(stored.values, STORED)
    assert (stored.bits, stored.slope, stored.intercept) == (12, 1, 0)
    assert (stored.window_center, stored.window_width, stored.invert) == (2000, 1001, False)
    signed = np.array([[-2048, -1, 0, 2047]], np.int16)
    stored = stored_pixels(
        write(signed & np.int16(4095), BitsStored=12, RescaleSlope=2, RescaleIntercept=10)
    )
    np.testing.assert_array_equal(stored.values, [[0, 2047, 2048, 4095]])
    assert (stored.slope, stored.intercept) == (2, 10 - 4096)
    exact = stored_pixels(
        write(STORED, WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT")
    )
    assert (exact.window_center, exact.window_width) == (2000.5, 1001)


def test_modality_table_is_applied_and_more_than_16_bits_are_scaled() -> None:
    table = lut(1000, 12, list(range(0, 4000, 2)))
    data = write(STORED, ModalityLUTSequence=[table], WindowCenter=1500, WindowWidth=900)
    stored = stored_pixels(data)
    np.testing.assert_array_equal(stored.values, 2 * np.clip(STORED.astype(int) - 1000, 0, 1999))
    assert (stored.bits, stored.slope, stored.intercept) == (12, 1, 0)
    np.testing.assert_allclose(show(stored), load_bytes(data).pixels, atol=1e-6)
    wide = write(np.array([[7, 1 << 20, 1 << 21]], np.uint32), RescaleSlope=3, RescaleIntercept=-4)
    stored = stored_pixels(wide)
    np.testing.assert_array_equal(stored.values[0, ::2], [0, 65535])
    np.testing.assert_allclose(show(stored), load_bytes(wide).pixels, atol=1 / 65535)


@pytest.mark.parametrize("falls", [False, True])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_curves_become_the_line_that_comes_close(photometric: str, falls: bool) -> None:
    samples = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    ramp = list(range(0, 65521, 16))
    attributes: dict[str, Any] = {"BitsStored": 12, "PhotometricInterpretation": photometric}
    straight = write(
        samples, VOILUTSequence=[lut(0, 16, ramp[::-1] if falls else ramp)], **attributes
    )
    np.testing.assert_allclose(
        show(stored_pixels(straight)), load_bytes(straight).pixels, atol=1e-3
    )
    curve = 65535 / (1 + np.exp(-4 * (samples.ravel() - 1500.0) / 900))
    steps = [int(value) for value in (curve[::-1] if falls else curve)]
    sigmoid = write(samples, VOILUTSequence=[lut(0, 16, steps)], **attributes)
    shown, loaded = show(stored_pixels(sigmoid)), load_bytes(sigmoid).pixels
    assert np.abs(shown - loaded).max() < 0.12
    assert np.corrcoef(shown.ravel(), loaded.ravel())[0, 1] > 0.99
    if not falls:
        window = {"WindowCenter": 1500, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"}
        data = write(samples, **attributes, **window)
        assert np.abs(show(stored_pixels(data)) - load_bytes(data).pixels).max() < 0.13


@pytest.mark.parametrize("slope", [1, -1])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_shown_black(photometric: str, slope: int) -> None:
    samples = np.array([[5, 3000, 3500, 4000, 4095]], np.uint16)
    data = write(
        samples,
        BitsStored=12,
        PhotometricInterpretation=photometric,
        PixelPaddingValue=5,
        RescaleSlope=slope,
        RescaleIntercept=0,
        WindowCenter=3500 * slope,
        WindowWidth=900,
    )
    assert load_bytes(data).pixels[0, 0] == 0
    np.testing.assert_allclose(show(stored_pixels(data)), load_bytes(data).pixels, atol=1e-6)


def test_pictures_and_colour_give_their_grey_in_8_or_16_bits() -> None:
    wave = np.arange(256, dtype=np.uint8).reshape(16, 16)
    deep = wave.astype(np.uint16) * 256 + 77
    for data, bits, values in (
        (imagecodecs.png_encode(wave), 8, wave),
        (imagecodecs.png_encode(deep), 16, deep),
        (write(np.dstack([wave] * 3)), 8, wave),
    ):
        stored = stored_pixels(data)
        np.testing.assert_array_equal(stored.values, values)
        assert (stored.bits, stored.invert) == (bits, False)
        np.testing.assert_allclose(show(stored), load_bytes(data).pixels, atol=0.51 / 65535)


def test_frames_and_errors_are_those_of_the_loader() -> None:
    stack = np.arange(3 * 4 * 6, dtype=np.uint8).reshape(12, 6)
    data = write(stack, Rows=4, NumberOfFrames=3)
    np.testing.assert_array_equal(stored_pixels(data, 2).values, stack[4:8])
    with pytest.raises(SeveralFramesError, match="the image: it holds 3 frames"):
        stored_pixels(data)
    with pytest.raises(LoadError, match="no frame 4"):
        stored_pixels(data, 4)
    with pytest.raises(DamagedFileError, match="the image: its pixel data ends early"):
        stored_pixels(write(stack, Rows=5, NumberOfFrames=3), 3)
    with pytest.raises(LoadError, match="the image"):
        stored_pixels(b"not an image")
    rle = stored_pixels(write(STORED, uid.RLELossless, BitsStored=12))
    np.testing.assert_array_equal(rle.values, STORED)
