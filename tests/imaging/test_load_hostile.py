"""Whatever the bytes are, loading ends in a valid radiograph or in a LoadError."""

from __future__ import annotations

import importlib.util
import io
import os
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path
from types import ModuleType

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import uid

from fractura.errors import (
    DamagedFileError,
    LoadError,
    TooLargeError,
    UnsupportedFileError,
)
from fractura.imaging import limits
from fractura.imaging import load as load_module
from fractura.imaging.dicom_file import parse
from fractura.imaging.load import load, load_bytes

# pytest replaces the filter that the loader sets for itself.
pytestmark = pytest.mark.filterwarnings(r"ignore::UserWarning:pydicom\..*")


def _fuzz() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "fuzz_load.py"
    spec = importlib.util.spec_from_file_location("fuzz_load", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_load"] = module
    spec.loader.exec_module(module)
    return module


FUZZ = _fuzz()
SEEDS: dict[str, bytes] = FUZZ.seeds()
GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
MAGIC = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"II*\0\x08\0\0\0",
    b"MM\0+\0\x08\0\0",
    b"BM",
    b"RIFF\0\0\0\0WEBPVP8 ",
    bytes(128) + b"DICM\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0",
    b"\x08\0\x05\0CS",
]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@given(st.sampled_from([b"", *MAGIC]), st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes(magic: bytes, data: bytes) -> None:
    assert not FUZZ.check(magic + data).startswith("BUG")


@given(st.sampled_from(sorted(SEEDS)), st.integers(0, 2**32 - 1))
@settings(max_examples=500, deadline=None)
def test_mutated_files(name: str, seed: int) -> None:
    mutated = FUZZ.mutate(SEEDS[name], np.random.default_rng(seed))
    assert not FUZZ.check(mutated).startswith("BUG")


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_files_cut_anywhere(name: str) -> None:
    data = SEEDS[name]
    for length in np.linspace(0, len(data) - 1, 25).astype(int):
        assert not FUZZ.check(data[:length]).startswith("BUG")


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", DamagedFileError, "empty"),
        (b"Dear colleague, please find enclosed", UnsupportedFileError, "not a PNG, JPEG"),
        (b"%PDF-1.7 ...", UnsupportedFileError, "PDF"),
        (b"PK\x03\x04....", UnsupportedFileError, "ZIP archive; unpack"),
        (b"\x1f\x8b\x08....", UnsupportedFileError, "gzip"),
        (b"\x7fELF\x02\x01", UnsupportedFileError, "program"),
        (b"GIF89a....", UnsupportedFileError, "GIF"),
        (b"\xff\xd8\xff", DamagedFileError, "before the picture"),
        (b"\x89PNG\r\n\x1a\n", DamagedFileError, "before its header"),
        (b"BM", DamagedFileError, "before its header"),
        (b"II*\0\x08\0\0\0", DamagedFileError, "no image"),
        (b"RIFF\0\0\0\0WEBP", DamagedFileError, "before its header"),
        (bytes(128) + b"DICM", UnsupportedFileError, "not an image"),
    ],
)
def test_foreign_and_empty_files(data: bytes, error: type[LoadError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        load_bytes(data, name="scan.bin")
    assert str(caught.value).startswith("scan.bin: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 16, 6, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b""),
        SEEDS["grey.jpg"].replace(struct.pack(">HH", 24, 32), struct.pack(">HH", 65500, 65500)),
        SEEDS["grey8.bmp"].replace(struct.pack("<ii", 32, 24), struct.pack("<ii", 2**31 - 1, -9)),
        SEEDS["lossless.webp"][:20] + b"\x2f\xff\xff\xff\x0f" + SEEDS["lossless.webp"][25:],
        FUZZ.dicom(GREY, uid.ExplicitVRLittleEndian, Rows=60000, Columns=60000),
    ],
    ids=["png", "jpeg", "bmp", "webp", "dicom"],
)
def test_vast_images_are_refused_by_their_header(data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="pixels are more than"):
        load_bytes(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 1024**2


def test_a_compressed_frame_of_another_size_is_refused_before_it_is_decoded() -> None:
    vast = np.zeros((3000, 3000), np.uint8)
    for syntax, encoded in (
        (uid.JPEGBaseline8Bit, imagecodecs.jpeg8_encode(vast)),
        (uid.JPEGLSLossless, imagecodecs.jpegls_encode(vast)),
        (uid.JPEG2000Lossless, imagecodecs.jpeg2k_encode(vast, codecformat="J2K")),
    ):
        data = FUZZ.dicom(GREY, syntax, encoded)
        tracemalloc.start()
        with pytest.raises(DamagedFileError, match="3000 x 3000"):
            load_bytes(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1024**2


def test_a_deflate_bomb_is_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = FUZZ.dicom(np.zeros((2000, 2000), np.uint16), uid.DeflatedExplicitVRLittleEndian)
    assert load_bytes(bomb).pixels.shape == (2000, 2000)
    monkeypatch.setattr(parse, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(TooLargeError, match="deflated"):
        load_bytes(bomb)


@pytest.mark.parametrize("nested", [False, True])
def test_millions_of_elements_are_refused(nested: bool) -> None:
    head = SEEDS["ExplicitVRLittleEndian.dcm"]
    start = 144 + int.from_bytes(head[140:144], "little")
    elements = struct.pack("<HH2sH", 9, 1, b"LO", 0) * 1_000_000
    if nested:
        sequence = struct.pack("<HH2sHI", 8, 0x1111, b"SQ", 0, 0xFFFFFFFF)
        elements = sequence + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + elements
    with pytest.raises(TooLargeError, match="too many elements"):
        load_bytes(head[:start] + elements)


def test_endless_nesting_is_an_error() -> None:
    head = SEEDS["ExplicitVRLittleEndian.dcm"]
    start = 144 + int.from_bytes(head[140:144], "little")
    level = struct.pack("<HH2sHI", 8, 0x1111, b"SQ", 0, 0xFFFFFFFF)
    level += struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    with pytest.raises(DamagedFileError):
        load_bytes(head[:start] + level * 20_000)


def test_a_tiff_whose_directories_form_a_ring_ends() -> None:
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "TIFF")
    data = bytearray(buffer.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    np.testing.assert_allclose(load_bytes(bytes(data)).pixels, GREY / 255, atol=1e-6)


def test_too_many_jpeg_scans_are_refused() -> None:
    data = SEEDS["progressive.jpg"]
    scan = data.index(b"\xff\xda")
    with pytest.raises(DamagedFileError, match="scans"):
        load_bytes(data[:scan] + data[scan:-2] * 50 + data[-2:])


def test_paths_that_hold_no_readable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LoadError, match="No such file"):
        load(tmp_path / "missing.png")
    with pytest.raises(UnsupportedFileError, match="folder"):
        load(tmp_path)
    with pytest.raises(LoadError, match="cannot be opened"):
        load("a\0b")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UnsupportedFileError, match="regular"):
            load(tmp_path / "pipe")
    sparse = tmp_path / "vast.dcm"
    with sparse.open("wb") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    with pytest.raises(TooLargeError, match="larger"):
        load(sparse)
    secret = tmp_path / "secret.png"
    secret.write_bytes(SEEDS["grey8.png"])

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(LoadError, match=r"secret\.png: cannot be opened \(Permission denied\)"):
        load(secret)


def test_running_out_of_memory_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(load_module, "_decode", exhaust)
    with pytest.raises(TooLargeError, match="memory"):
        load_bytes(SEEDS["grey8.png"])
