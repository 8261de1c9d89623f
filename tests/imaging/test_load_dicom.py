"""Reading DICOM images: every step from stored samples to pixels, with exact values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from fractura.errors import (
    DamagedFileError,
    LoadError,
    SeveralFramesError,
    UnsupportedFileError,
)
from fractura.imaging.load import load, load_bytes
from fractura.imaging.radiograph import Radiograph

SAMPLES = Path(__file__).parents[3] / "shared/data/dicom"

STORED = np.array([[0, 1000, 1500, 1999], [2000, 2001, 2500, 4095]], dtype=np.uint16)
WINDOW = {"WindowCenter": 2000, "WindowWidth": 1001}


def write(
    pixels: NDArray[Any],
    syntax: uid.UID = uid.ExplicitVRLittleEndian,
    frames: list[bytes] | None = None,
    **attributes: Any,
) -> bytes:
    """A DICOM file of ``pixels``, or of compressed ``frames``, with attributes replaced."""
    dataset = Dataset()
    dataset.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if "HighBit" not in dataset:
        dataset.HighBit = dataset.BitsStored - 1
    order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
    native = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = encapsulate(frames) if frames else native + b"\0" * (len(native) % 2)
    dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 and not frames else "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    if syntax == uid.RLELossless:
        dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        dataset.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read(pixels: NDArray[Any], *arguments: Any, **attributes: Any) -> Radiograph:
    return load_bytes(write(pixels, *arguments, **attributes))


def lut(first: int, bits: int, values: list[int]) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    item.LUTData = np.array(values, dtype="<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


VOI_FORMS: dict[str, tuple[dict[str, Any], list[float]]] = {
    "none": ({}, [value / 4095 for value in (0, 1000, 1500, 1999, 2000, 2001, 2500, 4095)]),
    # PS3.3 C.11.2.1.2.1: ((x - (c - 0.5)) / (w - 1) + 0.5)
    "linear": (WINDOW, [0, 0, 0.0005, 0.4995, 0.5005, 0.5015, 1, 1]),
    "linear, named, first of two": (
        {"WindowCenter": [2000, 9], "WindowWidth": [1001, 9], "VOILUTFunction": "LINEAR"},
        [0, 0, 0.0005, 0.4995, 0.5005, 0.5015, 1, 1],
    ),
    "linear of width 1": (
        {"WindowCenter": 2000.5, "WindowWidth": 1},
        [0, 0, 0, 0, 0, 1, 1, 1],
    ),
    # PS3.3 C.11.2.1.3.2: (x - c) / w + 0.5
    "linear exact": (
        {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "LINEAR_EXACT"},
        [0, 0, 0, 0.499, 0.5, 0.501, 1, 1],
    ),
    # PS3.3 C.11.2.1.3.1: 1 / (1 + exp(-4 (x - c) / w))
    "sigmoid": (
        {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"},
        [
            0.000335350130466,
            0.0179862099621,
            0.119202922022,
            0.499000001333,
            0.5,
            0.500999998667,
            0.880797077978,
            0.999770825631,
        ],
    ),
    "voi lut, before any window": (
        {"VOILUTSequence": [lut(1999, 10, [0, 341, 1023])], **WINDOW},
        [0, 0, 0, 0, 1 / 3, 1, 1, 1],
    ),
}


@pytest.mark.parametrize("form", VOI_FORMS)
@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
    ],
)
def test_grey_values(form: str, photometric: str, shape: str | None, inverted: bool) -> None:
    attributes, expected = VOI_FORMS[form]
    attributes = attributes | ({"PresentationLUTShape": shape} if shape else {})
    radiograph = read(STORED, BitsStored=12, PhotometricInterpretation=photometric, **attributes)
    target = np.reshape(expected, (2, 4))
    np.testing.assert_allclose(radiograph.pixels, 1 - target if inverted else target, atol=2e-7)
    assert radiograph.pixels.dtype == np.float32
    assert radiograph.bits == 12
    assert radiograph.warnings == ()


RGB = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], dtype=np.uint8)
RGB_GREY = [[0.299, 0.587, 0.114, (0.299 * 10 + 0.587 * 20 + 0.114 * 30) / 255]]


@pytest.mark.parametrize("form", VOI_FORMS)
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR"])
def test_colour_becomes_its_luma_and_knows_no_window(photometric: str, form: str) -> None:
    attributes = {"PhotometricInterpretation": photometric} | VOI_FORMS[form][0]
    if photometric == "RGB":
        radiograph, expected = read(RGB, **attributes), RGB_GREY
    elif photometric == "PALETTE COLOR":
        for name, value in zip(("Red", "Green", "Blue"), np.eye(3, dtype="<u2"), strict=True):
            attributes[f"{name}PaletteColorLookupTableDescriptor"] = [3, 5, 16]
            attributes[f"{name}PaletteColorLookupTableData"] = (value * 65535).tobytes()
        indices = np.array([[0, 5, 6, 7, 200]], dtype=np.uint8)
        radiograph, expected = read(indices, **attributes), [[0.299, 0.299, 0.587, 0.114, 0.114]]
    elif photometric == "YBR_FULL":
        radiograph, expected = read(RGB, **attributes), RGB[..., 0] / 255
    else:
        # Two pixels in four bytes: Y1 Y2 Cb Cr.
        two = np.array([[[9, 19, 128], [128, 0, 0]]], dtype=np.uint8)
        radiograph, expected = read(two, **attributes), [[9 / 255, 19 / 255]]
    np.testing.assert_allclose(radiograph.pixels, expected, atol=1e-6)


@pytest.mark.parametrize("planar", [0, 1])
def test_planes_and_deep_colour(planar: int) -> None:
    deep = RGB.astype(np.uint16) * 257
    data = np.ascontiguousarray(np.moveaxis(deep, 2, 0)) if planar else deep
    file = write(deep, PlanarConfiguration=planar).replace(deep.tobytes(), data.tobytes())
    np.testing.assert_allclose(load_bytes(file).pixels, RGB_GREY, atol=1e-6)


def test_a_monochrome_pair_reads_identically() -> None:
    inverted = (4095 - STORED).astype(np.uint16)
    for function, mirrored in (("LINEAR_EXACT", 2095), ("SIGMOID", 2095), ("LINEAR", 2096)):
        first, second = (
            read(
                pixels,
                BitsStored=12,
                PhotometricInterpretation=photometric,
                WindowCenter=centre,
                WindowWidth=1200,
                VOILUTFunction=function,
            ).pixels
            for pixels, photometric, centre in (
                (STORED, "MONOCHROME2", 2000),
                (inverted, "MONOCHROME1", mirrored),
            )
        )
        np.testing.assert_allclose(first, second, atol=1e-7)
        assert len(np.unique(first)) > 4
    np.testing.assert_allclose(
        read(STORED, BitsStored=12).pixels,
        read(inverted, BitsStored=12, PhotometricInterpretation="MONOCHROME1").pixels,
        atol=1e-7,
    )


def test_modality_transform_comes_before_the_window() -> None:
    window = {"WindowCenter": 1000, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    rescaled = read(STORED, RescaleSlope=2, RescaleIntercept=-2000, **window)
    expected = np.clip((STORED * 2.0 - 2000 - 1000) / 2000 + 0.5, 0, 1)
    np.testing.assert_allclose(rescaled.pixels, expected, atol=1e-6)
    table = lut(1000, 12, list(range(0, 4000, 2)))
    looked_up = read(STORED, ModalityLUTSequence=[table], **window)
    modality = 2.0 * np.clip(STORED.astype(int) - 1000, 0, 1999)
    np.testing.assert_allclose(
        looked_up.pixels, np.clip((modality - 1000) / 2000 + 0.5, 0, 1), atol=1e-6
    )
    bare = read(STORED, ModalityLUTSequence=[table])
    np.testing.assert_allclose(bare.pixels, modality / 4095, atol=1e-6)
    falling = read(STORED, BitsStored=12, RescaleSlope=-1, RescaleIntercept=4095)
    np.testing.assert_allclose(falling.pixels, 1 - STORED / 4095, atol=1e-6)


def test_voi_lut_of_negative_modality_values() -> None:
    signed = np.array([[-3, -2, -1, 0, 1]], dtype=np.int16)
    table = lut(-2, 8, [10, 20, 255])
    for syntax in (uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian):
        pixels = read(signed, syntax, VOILUTSequence=[table]).pixels
        np.testing.assert_allclose(pixels * 255, [[10, 10, 20, 255, 255]], atol=1e-4)
    shifted = read(
        (signed + 5).astype(np.uint16), RescaleSlope=1, RescaleIntercept=-5, VOILUTSequence=[table]
    )
    np.testing.assert_allclose(shifted.pixels * 255, [[10, 10, 20, 255, 255]], atol=1e-4)


def test_lookup_tables_of_eight_bits_packed_or_not_and_of_understated_depth() -> None:
    stored = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    packed = lut(0, 8, [0, 0])
    packed.LUTDescriptor = [4, 0, 8]
    packed.LUTData = bytes([0, 51, 102, 255])
    np.testing.assert_allclose(
        read(stored, VOILUTSequence=[packed]).pixels, [[0, 0.2, 0.4, 1]], atol=1e-6
    )
    understated = lut(0, 8, [0, 13107, 26214, 65535])
    np.testing.assert_allclose(
        read(stored, VOILUTSequence=[understated]).pixels, [[0, 0.2, 0.4, 1]], atol=1e-6
    )


def test_without_window_the_range_is_that_of_the_samples() -> None:
    signed = np.array([[-1000, 0, 3000]], dtype=np.int16)
    radiograph = read(signed)
    np.testing.assert_allclose(radiograph.pixels, [[0, 0.25, 1]], atol=1e-7)
    assert "stretched from -1000..3000" in radiograph.warnings[0]
    shallow = read(STORED)
    np.testing.assert_allclose(shallow.pixels, STORED / 4095, atol=1e-7)
    assert "16 bits use only 12" in shallow.warnings[0]
    wide = read(np.array([[0, 1 << 20, 1 << 21]], dtype=np.uint32))
    np.testing.assert_allclose(wide.pixels, [[0, 0.5, 1]], atol=1e-6)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_outside_the_range(photometric: str) -> None:
    signed = np.array([[-2000, -1990, 0, 100, 50]], dtype=np.int16)
    radiograph = read(
        signed,
        PhotometricInterpretation=photometric,
        PixelPaddingValue=-2000,
        PixelPaddingRangeLimit=-1990,
    )
    shown = np.array([0, 1, 0.5])
    expected = shown if photometric == "MONOCHROME2" else 1 - shown
    np.testing.assert_allclose(radiograph.pixels, [[0, 0, *expected]], atol=1e-7)
    only = read(np.zeros((2, 2), np.uint16), PixelPaddingValue=0, **WINDOW)
    np.testing.assert_array_equal(only.pixels, 0)


def test_twins_of_8_12_and_16_bits_agree() -> None:
    wave = 0.5 + 0.5 * np.sin(np.arange(30 * 40).reshape(30, 40) / 97)
    twins = {
        8: read(np.round(wave * 255).astype(np.uint8)),
        12: read(np.round(wave * 4095).astype(np.uint16), BitsStored=12),
        16: read(np.round(wave * 65535).astype(np.uint16)),
    }
    for bits, radiograph in twins.items():
        np.testing.assert_allclose(radiograph.pixels, wave, atol=0.51 / (2**bits - 1) + 1e-7)
        assert radiograph.bits == bits
        assert radiograph.warnings == ()
    png = load_bytes(imagecodecs.png_encode(np.round(wave * 65535).astype(np.uint16)))
    np.testing.assert_array_equal(png.pixels, twins[16].pixels)


def test_sixteen_bits_survive() -> None:
    steps = np.arange(60000, 60256, dtype=np.uint16).reshape(16, 16)
    assert len(np.unique(read(steps).pixels)) == 256
    window = {"WindowCenter": 60128, "WindowWidth": 300}
    assert len(np.unique(read(steps, **window).pixels)) == 256


LOSSLESS = {
    uid.JPEGLosslessSV1: lambda a: imagecodecs.jpeg8_encode(
        a, lossless=True, predictor=1, bitspersample=8 * a.dtype.itemsize
    ),
    uid.JPEGLossless: lambda a: imagecodecs.jpeg8_encode(
        a, lossless=True, predictor=6, bitspersample=8 * a.dtype.itemsize
    ),
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: lambda a: imagecodecs.jpeg2k_encode(
        a, codecformat="J2K", reversible=True
    ),
    uid.HTJ2KLossless: lambda a: imagecodecs.htj2k_encode(a, reversible=True),
}
NATIVE = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
]
ROWS, COLUMNS = np.mgrid[:31, :45]


@pytest.mark.parametrize("syntax", [*NATIVE, *LOSSLESS], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("kind", ["8 bit", "12 bit", "16 bit", "signed", "colour"])
def test_lossless_transfer_syntaxes_read_identically(kind: str, syntax: uid.UID) -> None:
    pixels = (ROWS * 77 + COLUMNS * 43).astype(np.uint16)
    attributes: dict[str, Any] = {"WindowCenter": 1500, "WindowWidth": 2500}
    if kind == "8 bit":
        pixels = (pixels >> 4).astype(np.uint8)
        attributes = {}
    elif kind == "12 bit":
        attributes["BitsStored"] = 12
        pixels &= 4095
    elif kind == "16 bit":
        pixels = (pixels * 11).astype(np.uint16)
        attributes = {"WindowCenter": 30000, "WindowWidth": 50000}
    elif kind == "signed":
        pixels = pixels.astype(np.int16) - 1200
    elif kind == "colour":
        pixels = np.dstack([pixels >> 5, pixels >> 4, pixels >> 6]).astype(np.uint8)
    expected = read(pixels, uid.ExplicitVRLittleEndian, **attributes)
    frames = None
    if syntax in LOSSLESS:
        stored = pixels.view(np.uint16) if pixels.dtype == np.int16 else pixels
        frames = [LOSSLESS[syntax](stored)]
    actual = read(pixels, syntax, frames, **attributes)
    np.testing.assert_array_equal(actual.pixels, expected.pixels)
    assert actual.warnings == expected.warnings
    assert len(np.unique(expected.pixels)) > 100


def test_lossy_transfer_syntaxes_read_closely() -> None:
    smooth8 = (ROWS * 3 + COLUMNS * 2).astype(np.uint8)
    smooth12 = (ROWS * 64 + COLUMNS * 32).astype(np.uint16)
    colour = np.dstack([smooth8, smooth8 // 2, smooth8 // 3])
    jpeg = imagecodecs.jpeg8_encode
    for syntax, pixels, frame in (
        (uid.JPEGBaseline8Bit, smooth8, jpeg(smooth8, level=95)),
        (uid.JPEGExtended12Bit, smooth12, jpeg(smooth12, level=95, bitspersample=12)),
        (uid.JPEGBaseline8Bit, colour, jpeg(colour, level=95)),
        (uid.JPEGLSNearLossless, smooth8, imagecodecs.jpegls_encode(smooth8, level=2)),
        (uid.JPEG2000, smooth12, imagecodecs.jpeg2k_encode(smooth12, codecformat="J2K", level=80)),
    ):
        attributes = {"BitsStored": 12} if pixels is smooth12 else {}
        plain = read(pixels, **attributes).pixels
        np.testing.assert_allclose(
            read(pixels, syntax, [frame], **attributes).pixels, plain, atol=0.012
        )


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL_422"])
def test_colour_space_of_a_jpeg_frame(photometric: str, marked: bool) -> None:
    """A JFIF or Adobe marker is believed; without one the photometric interpretation is."""
    colour = np.zeros((16, 16, 3), np.uint8) + np.array([200, 90, 30], np.uint8)
    stored = "YCBCR" if photometric != "RGB" else "RGB"
    frame = imagecodecs.jpeg8_encode(
        colour, level=100, colorspace="RGB", outcolorspace=stored, subsampling="444"
    )
    if not marked:
        length = int.from_bytes(frame[4:6], "big")
        frame = frame[:2] + frame[4 + length :]
    pixels = read(
        colour, uid.JPEGBaseline8Bit, [frame], PhotometricInterpretation=photometric
    ).pixels
    np.testing.assert_allclose(pixels * 255, 0.299 * 200 + 0.587 * 90 + 0.114 * 30, atol=1.5)


def test_only_the_stored_bits_count() -> None:
    overlay = STORED | np.uint16(0x5000)
    np.testing.assert_allclose(read(overlay, BitsStored=12).pixels, STORED / 4095, atol=1e-7)
    high = (STORED << 4) | np.uint16(7)
    np.testing.assert_allclose(
        read(high, BitsStored=12, HighBit=15).pixels, STORED / 4095, atol=1e-7
    )
    negative = np.array([[-5, 0, 5]], dtype=np.int16) & np.int16(0x0FFF)
    np.testing.assert_allclose(
        read(negative, BitsStored=12, PixelRepresentation=1).pixels, [[0, 0.5, 1]], atol=1e-7
    )


@pytest.mark.parametrize("compressed", [False, True])
def test_frames(compressed: bool) -> None:
    stack = np.arange(3 * 4 * 6, dtype=np.uint8).reshape(12, 6)
    attributes: dict[str, Any] = {"Rows": 4, "NumberOfFrames": 3}
    frames = [imagecodecs.jpegls_encode(part) for part in stack.reshape(3, 4, 6)]
    syntax = uid.JPEGLSLossless if compressed else uid.ExplicitVRLittleEndian
    data = write(stack, syntax, frames if compressed else None, **attributes)
    with pytest.raises(SeveralFramesError, match=r"3 frames; choose one with --frame N .*frame=N"):
        load_bytes(data)
    for number in (1, 2, 3):
        pixels = load_bytes(data, frame=number).pixels
        np.testing.assert_allclose(pixels * 255, stack[4 * number - 4 : 4 * number], atol=1e-4)
    for number in (0, 4):
        with pytest.raises(LoadError, match="no frame"):
            load_bytes(data, frame=number)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, None),
        ({"PixelSpacing": [0.2, 0.1], "ImagerPixelSpacing": [0.4, 0.3]}, (0.2, 0.1)),
        ({"ImagerPixelSpacing": [0.4, 0.3]}, (0.4, 0.3)),
        ({"NominalScannedPixelSpacing": [0.6, 0.5]}, (0.6, 0.5)),
        ({"PixelSpacing": [0, 0.1], "ImagerPixelSpacing": [0.4, 0.3]}, (0.4, 0.3)),
    ],
)
def test_spacing(attributes: dict[str, Any], expected: tuple[float, float] | None) -> None:
    assert read(STORED, **attributes).spacing_mm == expected


@pytest.mark.parametrize(
    "attributes",
    [
        {"WindowCenter": 2000, "WindowWidth": 0},
        {"WindowCenter": 2000, "WindowWidth": -5, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 2000},
        {"WindowCenter": 2000, "WindowWidth": 9, "VOILUTFunction": "SQUARE"},
        {"RescaleSlope": 0, "RescaleIntercept": 1},
        {"VOILUTSequence": [Dataset()]},
        {"ModalityLUTSequence": [lut(0, 40, [1, 2])]},
        {"PixelSpacing": [0.1, -1]},
    ],
)
def test_invalid_display_attributes_are_ignored_with_a_warning(attributes: dict[str, Any]) -> None:
    radiograph = read(STORED, BitsStored=12, **attributes)
    np.testing.assert_allclose(radiograph.pixels, STORED / 4095, atol=1e-7)
    assert len(radiograph.warnings) == 1
    assert "ignored" in radiograph.warnings[0]


def test_files_without_preamble_or_meta_information() -> None:
    for syntax in (
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    ):
        data = write(STORED, syntax, BitsStored=12)
        meta_end = 144 + int.from_bytes(data[140:144], "little")
        for bare in (data[132:], data[meta_end:]):
            np.testing.assert_allclose(load_bytes(bare).pixels, STORED / 4095, atol=1e-7)


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        ({"Rows": 3}, DamagedFileError, "ends early: 16 bytes of 24"),
        ({"Rows": 0}, DamagedFileError, "4 x 0"),
        ({"Rows": None}, DamagedFileError, "Rows is missing"),
        ({"SamplesPerPixel": 3}, DamagedFileError, "3 samples a pixel"),
        ({"BitsStored": 17}, DamagedFileError, "store 17"),
        ({"HighBit": 3}, DamagedFileError, "HighBit"),
        ({"BitsAllocated": 12, "BitsStored": 12}, UnsupportedFileError, "12 bits"),
        ({"PhotometricInterpretation": "HSV"}, UnsupportedFileError, "HSV"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, DamagedFileError, "palette"),
    ],
)
def test_contradicting_headers(
    attributes: dict[str, Any], error: type[LoadError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read(STORED, **({"BitsStored": 16, "HighBit": 15} | attributes))


def test_objects_that_are_no_images() -> None:
    for sop_class, name in (
        (uid.EncapsulatedPDFStorage, "Encapsulated PDF"),
        (uid.BasicTextSRStorage, "Basic Text SR"),
        (uid.GrayscaleSoftcopyPresentationStateStorage, "Presentation State"),
    ):
        data = write(STORED, SOPClassUID=sop_class)
        with pytest.raises(UnsupportedFileError, match=name):
            load_bytes(data[: data.index(b"\xe0\x7f\x10\0")])
    with pytest.raises(UnsupportedFileError, match="DICOMDIR"):
        load_bytes(write(STORED, SOPClassUID=uid.MediaStorageDirectoryStorage))
    with pytest.raises(UnsupportedFileError, match="MPEG2"):
        read(STORED, uid.MPEG2MPML, [b"\0\0\1\xb3"])


needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no DICOM at ../shared/data")


@needs_samples
def test_all_encodings_of_one_radiograph() -> None:
    reference = load(SAMPLES / "WG04/REF/RG3_UNC.dcm")
    assert reference.pixels.shape == (1760, 1760)
    assert reference.bits == 10
    for name in ("RLE", "JPLL", "JLSL", "J2KR"):
        radiograph = load(SAMPLES / f"WG04/{name}/RG3_{name}.dcm")
        np.testing.assert_array_equal(radiograph.pixels, reference.pixels, err_msg=name)
    for name, mean, worst in (("JLSN", 0.002, 0.005), ("J2KI", 0.002, 0.01), ("JPLY", 0.003, 0.05)):
        radiograph = load(SAMPLES / f"WG04/{name}/RG3_{name}.dcm")
        difference = np.abs(radiograph.pixels - reference.pixels)
        assert difference.mean() < mean, name
        assert difference.max() < worst, name


@needs_samples
def test_the_same_samples_declared_inverted_read_inverted() -> None:
    """The "fake" file differs from its original only in saying MONOCHROME1."""
    original = load(SAMPLES / "chest-torchxrayvision/nih-cr-1024-mono2.dcm")
    fake = load(SAMPLES / "chest-torchxrayvision/Fake_MONOCHROME1.dcm")
    np.testing.assert_allclose(fake.pixels, 1 - original.pixels, atol=1e-6)
    assert original.spacing_mm == fake.spacing_mm == (0.168, 0.168)


def limb(dark: bool = False) -> NDArray[np.uint16]:
    """A bright bar on dark air in 12 bits, or the reverse."""
    grain = np.random.default_rng(0).integers(0, 200, (80, 60))
    image = np.where(np.abs(np.arange(60) - 30) < 12, 2500, 300) + grain
    return np.asarray(4095 - image if dark else image, np.uint16)


@pytest.mark.parametrize("window", [(40, 400), (0, 1), (1, 1), (9000, 100), (2000, 10**7)])
def test_a_window_that_hides_everything_is_ignored(window: tuple[int, int]) -> None:
    plain = read(limb(), BitsStored=12)
    hidden = read(limb(), BitsStored=12, WindowCenter=window[0], WindowWidth=window[1])
    np.testing.assert_array_equal(hidden.pixels, plain.pixels)
    assert "was ignored" in hidden.warnings[0]
    assert not any("ignored" in note for note in plain.warnings)


@pytest.mark.parametrize("window", [(1500, 3000), (2000, 600)])
def test_a_window_that_shows_something_counts(window: tuple[int, int]) -> None:
    shown = read(limb(), BitsStored=12, WindowCenter=window[0], WindowWidth=window[1])
    assert not shown.warnings


BRIGHT = read(limb(), BitsStored=12).pixels
RAW = {"PresentationIntentType": "FOR PROCESSING"}


@pytest.mark.parametrize(
    ("dark", "attributes", "says"),
    [
        (True, {**RAW, "PixelIntensityRelationshipSign": 1}, "for processing"),
        (False, {**RAW, "PixelIntensityRelationshipSign": -1}, ""),
        (True, RAW, "for processing"),
        (False, RAW, ""),
        (False, {"PixelIntensityRelationshipSign": -1}, ""),
        (False, {"PixelIntensityRelationshipSign": 1}, "nothing was inverted"),
        (True, {"PixelIntensityRelationshipSign": 1}, "and so it looks"),
        (True, {"PhotometricInterpretation": "MONOCHROME1"}, ""),
        (True, {"PhotometricInterpretation": "MONOCHROME1", **RAW}, ""),
        (
            True,
            {"PhotometricInterpretation": "MONOCHROME1", "PixelIntensityRelationshipSign": 1},
            "",
        ),
    ],
)
def test_bone_comes_out_bright(dark: bool, attributes: dict[str, Any], says: str) -> None:
    found = read(limb(dark), BitsStored=12, **attributes)
    np.testing.assert_allclose(found.pixels, BRIGHT, atol=1e-6)
    assert says in " ".join(found.warnings)
    assert bool(found.warnings) == bool(says)
    assert found.polarity_doubtful == (says == "nothing was inverted")


def test_nothing_tells_whether_bone_is_bright() -> None:
    even = np.random.default_rng(0).integers(0, 4096, (80, 60)).astype(np.uint16)
    found = read(even, BitsStored=12, **RAW)
    assert found.polarity_doubtful
    assert found.warnings == (
        "the image is for processing, and nothing tells whether bone is bright or dark",
    )
    assert not read(even, BitsStored=12).polarity_doubtful


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_optical_density_of_a_plate_reader(kind: str) -> None:
    """Slope -10 and intercept 3000: large samples are small densities, which let light through."""
    density = {"RescaleSlope": -10, "RescaleIntercept": 3000, "RescaleType": "OD"}
    stored = (np.rint(BRIGHT * 300)).astype(np.uint16)
    shown = stored if kind == "MONOCHROME1" else 300 - stored
    window = {"WindowCenter": 1500, "WindowWidth": 3000}
    found = read(shown, BitsStored=12, PhotometricInterpretation=kind, **density, **window)
    np.testing.assert_allclose(found.pixels, BRIGHT, atol=0.01)


@pytest.mark.parametrize("surplus", [b"\x01\x07\x07", b"\x83\x05", b"\x7f" + bytes(range(128))])
def test_rle_segments_longer_than_needed_are_read_with_a_warning(surplus: bytes) -> None:
    image = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
    segments = [
        bytes([11]) + (image >> 8).astype(np.uint8).tobytes() + surplus,
        bytes([11]) + (image & 255).astype(np.uint8).tobytes() + surplus,
    ]
    head = np.array([2, 64, 64 + len(segments[0])] + [0] * 13, "<u4").tobytes()
    attributes = {"BitsStored": 12}
    data = write(image, uid.ExplicitVRLittleEndian, **attributes)
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.PixelData = encapsulate([head + b"".join(segments)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = uid.RLELossless
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    found = load_bytes(buffer.getvalue())
    np.testing.assert_array_equal(found.pixels, read(image, **attributes).pixels)
    assert found.warnings == ("its RLE segments are longer than needed; the rest was ignored",)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless])
def test_bits_beyond_bits_stored_are_dropped_with_a_warning(syntax: str) -> None:
    image = np.array([[0, 100, 4095], [7, 2000, 3000]], np.uint16)
    high = image.copy()
    high[0, 1] |= 0x5000
    found, plain = (read(pixels, syntax, BitsStored=12) for pixels in (high, image))
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    assert found.warnings == ("samples use bits beyond the 12 stored; these bits were dropped",)
    assert not plain.warnings
    signed = read(-image.astype(np.int16) // 2, syntax, BitsStored=12)
    assert not any("beyond" in warning for warning in signed.warnings)
