"""Reading PNG, JPEG, TIFF, BMP and WebP files."""

from __future__ import annotations

import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fractura.errors import LoadError, SeveralFramesError, UnsupportedFileError
from fractura.imaging.codecs import read_jpeg_markers
from fractura.imaging.load import load, load_bytes
from tests.imaging.exif import TURNS

FRACATLAS = Path(__file__).parents[3] / "shared/data/fracatlas/images"

RNG = np.random.default_rng(0)
GREY8 = RNG.integers(0, 256, (13, 17), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (13, 17), dtype=np.uint16)
RGB8 = RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8)
RGB16 = RNG.integers(0, 65536, (13, 17, 3), dtype=np.uint16)
RGBA8 = RNG.integers(0, 256, (13, 17, 4), dtype=np.uint8)
RGBA16 = RNG.integers(0, 65536, (13, 17, 4), dtype=np.uint16)
# What 16-bit samples are divided by depends on their largest value.
GREY16[0, 0] = RGB16[0, 0, 0] = RGBA16[0, 0, 0] = 65535


def luma(colour: NDArray[Any]) -> NDArray[np.float64]:
    return colour[..., :3] @ [0.299, 0.587, 0.114]


def pillow(pixels: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes, **options: Any) -> NDArray[np.float32]:
    radiograph = load_bytes(data, **options)
    assert radiograph.pixels.dtype == np.float32
    assert radiograph.pixels.flags.c_contiguous
    return radiograph.pixels


PALETTE = Image.fromarray(RGB8).quantize(16)
PALETTE_RGB = np.asarray(PALETTE.convert("RGB"))
BILEVEL = Image.fromarray(GREY8).convert("1")
GREY_ALPHA = RGBA8[..., :2].copy()
GREY_ALPHA16 = RGBA16[..., :2].copy()

EXACT = {
    "png grey 8": (pillow(GREY8, "PNG"), GREY8 / 255),
    "png grey 16": (pillow(GREY16, "PNG"), GREY16 / 65535),
    "png grey-alpha 8": (
        imagecodecs.png_encode(GREY_ALPHA),
        GREY_ALPHA[..., 0] / 255 * (GREY_ALPHA[..., 1] / 255),
    ),
    "png grey-alpha 16": (
        imagecodecs.png_encode(GREY_ALPHA16),
        GREY_ALPHA16[..., 0] / 65535 * (GREY_ALPHA16[..., 1] / 65535),
    ),
    "png rgb 8": (pillow(RGB8, "PNG"), luma(RGB8) / 255),
    "png rgb 16": (imagecodecs.png_encode(RGB16), luma(RGB16) / 65535),
    "png rgba 8": (pillow(RGBA8, "PNG"), luma(RGBA8) / 255 * (RGBA8[..., 3] / 255)),
    "png rgba 16": (
        imagecodecs.png_encode(RGBA16),
        luma(RGBA16) / 65535 * (RGBA16[..., 3] / 65535),
    ),
    "png palette": (pillow(PALETTE, "PNG"), luma(PALETTE_RGB) / 255),
    "png palette with a transparent colour": (
        pillow(PALETTE, "PNG", transparency=3),
        luma(PALETTE_RGB) / 255 * (np.asarray(PALETTE) != 3),
    ),
    "png bilevel": (pillow(BILEVEL, "PNG"), np.asarray(BILEVEL)),
    "tiff grey 8": (pillow(GREY8, "TIFF"), GREY8 / 255),
    "tiff grey 16": (pillow(GREY16, "TIFF"), GREY16 / 65535),
    "tiff rgb 8 lzw": (pillow(RGB8, "TIFF", compression="tiff_lzw"), luma(RGB8) / 255),
    "tiff rgba 8": (pillow(RGBA8, "TIFF"), luma(RGBA8) / 255 * (RGBA8[..., 3] / 255)),
    "tiff palette": (pillow(PALETTE, "TIFF"), luma(PALETTE_RGB) * 256 / 65535),
    "tiff bilevel": (pillow(BILEVEL, "TIFF", compression="group4"), np.asarray(BILEVEL)),
    "bmp grey 8": (pillow(GREY8, "BMP"), GREY8 / 255),
    "bmp rgb 8": (pillow(RGB8, "BMP"), luma(RGB8) / 255),
    "bmp palette": (pillow(PALETTE, "BMP"), luma(PALETTE_RGB) / 255),
    "bmp bilevel": (pillow(BILEVEL, "BMP"), np.asarray(BILEVEL)),
    "webp rgb 8": (pillow(RGB8, "WEBP", lossless=True), luma(RGB8) / 255),
    "webp rgba 8": (
        pillow(RGBA8, "WEBP", lossless=True, exact=True),
        luma(RGBA8) / 255 * (RGBA8[..., 3] / 255),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_samples_become_their_luma_over_full_range(name: str) -> None:
    data, expected = EXACT[name]
    radiograph = load_bytes(data)
    np.testing.assert_allclose(radiograph.pixels, expected, atol=2e-7)
    shallow = 1 if "bilevel" in name else 4 if "png palette" in name else 8
    assert radiograph.bits == (16 if "16" in name else shallow)
    assert radiograph.warnings == ()


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("options", [{}, {"compression": "deflate", "predictor": True}])
@pytest.mark.parametrize("layout", ["grey", "white is zero", "planes", "tiles", "bigtiff"])
def test_tiff_layouts(layout: str, options: dict[str, Any], big_endian: bool) -> None:
    tifffile = pytest.importorskip("tifffile")
    pixels, expected = GREY16, GREY16 / 65535
    options = {"photometric": "minisblack", "byteorder": ">" if big_endian else "<"} | options
    if layout == "white is zero":
        options["photometric"], expected = "miniswhite", 1 - expected
    elif layout == "planes":
        pixels, expected = np.moveaxis(RGB16, 2, 0), luma(RGB16) / 65535
        options |= {"photometric": "rgb", "planarconfig": "separate"}
    elif layout == "tiles":
        options["tile"] = (16, 16)
    elif layout == "bigtiff":
        options["bigtiff"] = True
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    np.testing.assert_allclose(read(buffer.getvalue()), expected, atol=2e-7)


def test_packed_twelve_bit_tiff() -> None:
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, GREY16 >> 6, photometric="minisblack", bitspersample=12)
    radiograph = load_bytes(buffer.getvalue())
    assert radiograph.bits == 12
    np.testing.assert_allclose(radiograph.pixels, (GREY16 >> 6) / 1023, atol=2e-7)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_sixteen_bit_files_that_use_fewer_bits_are_scaled_by_those(bits: int) -> None:
    pixels = (GREY16 >> (16 - bits)).astype(np.uint16)
    radiograph = load_bytes(pillow(pixels, "PNG"))
    np.testing.assert_allclose(radiograph.pixels, pixels / (2**bits - 1), atol=2e-7)
    assert radiograph.bits == 16
    assert f"only {bits};" in radiograph.warnings[0]


def test_sixteen_bits_are_not_cut_to_eight() -> None:
    steps = np.arange(60000, 60256, dtype=np.uint16).reshape(16, 16)
    assert len(np.unique(read(pillow(steps, "PNG")))) == 256
    assert len(np.unique(read(imagecodecs.png_encode(np.dstack([steps] * 3))))) == 256


def test_float_tiffs() -> None:
    def tiff(values: list[float]) -> bytes:
        return pillow(np.array([values], dtype=np.float32), "TIFF")

    unit = load_bytes(tiff([0, 0.25, 1]))
    np.testing.assert_array_equal(unit.pixels, [[0, 0.25, 1]])
    assert unit.warnings == ()
    wide = load_bytes(tiff([-100, 0, 300]))
    np.testing.assert_array_equal(wide.pixels, [[0, 0.25, 1]])
    assert "stretched from -100..300" in wide.warnings[0]
    holes = load_bytes(tiff([np.nan, np.inf, -np.inf, 2, 6]))
    np.testing.assert_array_equal(holes.pixels, [[0, 0, 0, 0, 1]])
    assert "3 samples that are not finite" in holes.warnings[0]
    np.testing.assert_array_equal(read(tiff([-3.4e38, 3.4e38])), [[0, 1]])
    np.testing.assert_array_equal(read(tiff([np.nan, np.nan])), [[0, 0]])
    np.testing.assert_array_equal(read(tiff([7, 7])), [[1, 1]])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    """Images stored in each of the eight ways come out upright; an invalid value is ignored."""
    upright = np.repeat(np.repeat(np.uint8([[0, 90, 180], [60, 120, 250]]), 16, 0), 16, 1)
    stored = Image.fromarray(upright)
    if orientation in TURNS:
        stored = stored.transpose(TURNS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = read(pillow(stored, kind, exif=exif, **options))
    np.testing.assert_allclose(pixels, upright / 255, atol=0.03 if kind == "JPEG" else 2e-7)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_its_luma_channel(mode: str, progressive: bool) -> None:
    image = Image.fromarray(np.kron(RGB8, np.ones((9, 9, 1), np.uint8))).convert(mode)
    data = pillow(image, "JPEG", progressive=progressive)
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("L", opened.size)
        expected = np.asarray(opened)
    np.testing.assert_allclose(read(data), expected / 255, atol=1.01 / 255)


def test_twelve_bit_and_lossless_jpeg_files() -> None:
    pixels = np.add.outer(np.arange(64) * 30, np.arange(64) * 30).astype(np.uint16)
    extended = load_bytes(imagecodecs.jpeg8_encode(pixels, bitspersample=12, level=100))
    assert extended.bits == 12
    np.testing.assert_allclose(extended.pixels, pixels / 4095, atol=3 / 4095)
    lossless = imagecodecs.jpeg8_encode(GREY16, lossless=True, predictor=1, bitspersample=16)
    np.testing.assert_allclose(read(lossless), GREY16 / 65535, atol=2e-7)


def test_truncated_jpeg_is_read_as_far_as_it_goes_with_a_warning() -> None:
    data = pillow(np.kron(GREY8, np.ones((16, 16), np.uint8)), "JPEG")
    whole, cut = load_bytes(data), load_bytes(data[: len(data) * 3 // 4])
    assert whole.warnings == ()
    assert len(cut.warnings) == 1
    assert "ends early" in cut.warnings[0]
    assert cut.pixels.shape == whole.pixels.shape
    top = cut.height // 2
    np.testing.assert_array_equal(cut.pixels[:top], whole.pixels[:top])
    assert (cut.pixels[-1] != whole.pixels[-1]).any()


def test_content_and_not_the_name_decides(tmp_path: Path) -> None:
    path = tmp_path / "radiograph.png"
    data = pillow(GREY8, "BMP")
    path.write_bytes(data)
    radiograph = load(path)
    np.testing.assert_allclose(radiograph.pixels, GREY8 / 255, atol=2e-7)
    assert radiograph.path == str(path)
    assert radiograph.sha256 == hashlib.sha256(data).hexdigest()
    assert radiograph.spacing_mm is None


def test_pages_of_a_tiff_are_frames() -> None:
    pages = pillow(GREY8, "TIFF", save_all=True, append_images=[Image.fromarray(255 - GREY8)])
    with pytest.raises(SeveralFramesError, match="--frame"):
        load_bytes(pages)
    np.testing.assert_allclose(read(pages, frame=1), GREY8 / 255, atol=2e-7)
    np.testing.assert_allclose(read(pages, frame=2), 1 - GREY8 / 255, atol=2e-7)
    for frame in (0, 3, -1):
        with pytest.raises(LoadError, match="no frame"):
            load_bytes(pages, frame=frame)
    np.testing.assert_allclose(read(EXACT["png grey 8"][0], frame=1), GREY8 / 255, atol=2e-7)
    with pytest.raises(LoadError, match="no frame 2"):
        load_bytes(EXACT["png grey 8"][0], frame=2)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str) -> None:
    data = pillow(RGB8, kind, save_all=True, append_images=[Image.fromarray(255 - RGB8)])
    with pytest.raises(UnsupportedFileError, match="animated"):
        load_bytes(data)


def test_cmyk_is_refused() -> None:
    for kind in ("JPEG", "TIFF"):
        with pytest.raises(UnsupportedFileError, match="save it in grey or RGB"):
            load_bytes(pillow(Image.fromarray(RGB8).convert("CMYK"), kind))


@pytest.mark.skipif(not FRACATLAS.is_dir(), reason="FracAtlas is not at ../shared/data")
def test_the_truncated_files_of_fracatlas_are_all_found() -> None:
    files = sorted(FRACATLAS.rglob("*.jpg"))
    cut = [path for path in files if not read_jpeg_markers(path.read_bytes()).complete]
    assert len(cut) == 59
    assert {path.parent.name for path in cut} == {"Non_fractured"}
    assert all(load(path).warnings for path in cut)
    assert not any(load(path).warnings for path in files[::50] if path not in cut)


@pytest.mark.parametrize("kind", ["BMP", "PNG", "TIFF"])
def test_an_image_transparent_everywhere_is_seen_nevertheless(kind: str) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    found = {}
    for alpha in (0, 255):
        layers = np.dstack([colour, np.full((20, 30), alpha, np.uint8)])
        buffer = io.BytesIO()
        if kind == "BMP":
            # Pillow writes no alpha into BMP: 32 bits by BITMAPV4HEADER, rows from below.
            head = struct.pack("<IiiHHIIiiIIIIII", 108, 30, 20, 1, 32, 3, 2400, 0, 0, 0, 0,
                               0xFF0000, 0xFF00, 0xFF, 0xFF000000)  # fmt: skip
            body = np.ascontiguousarray(layers[::-1, :, [2, 1, 0, 3]]).tobytes()
            buffer.write(b"BM" + struct.pack("<IHHI", 122 + len(body), 0, 0, 122))
            buffer.write(head + b"BGRs" + bytes(48) + body)
        else:
            Image.fromarray(layers, "RGBA").save(buffer, kind)
        found[alpha] = load_bytes(buffer.getvalue())
    np.testing.assert_array_equal(found[0].pixels, found[255].pixels)
    assert "transparent everywhere" in found[0].warnings[-1]
    assert not found[255].warnings
