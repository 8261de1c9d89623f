"""Read a folder of 1,000 files of which 50 are hostile or broken, and check what comes out.

    python benchmarks/hostile_folder.py [--files 1000] [--hostile 50] [--workers N] [--keep DIR]

The good files are phantoms in ten encodings (PNG, JPEG, TIFF, BMP, WebP, DICOM; 8, 12 and 16 bit;
grey, RGB, palette). The command runs as a process of its own, with pictures. Checked: a reading
for each good file, a typed error naming each bad one, exit status 1, nothing on stderr, and that a
second run reads nothing anew. Reported: time and peak memory of the process.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    RLELossless,
    generate_uid,
)

from fractura.errors import LoadError
from fractura.imaging.phantom import make_phantom

Grey = NDArray[np.uint16]

TYPES = {error.__name__ for error in (LoadError, *LoadError.__subclasses__())}


def dicom(grey: Grey, bits: int = 12, **changes: object) -> Dataset:
    """A digital radiograph of 16 allocated bits; ``changes`` are set last, None deletes."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.Modality = "DX"
    data.Rows, data.Columns = grey.shape
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, bits, bits - 1
    data.PixelRepresentation = 0
    data.PixelData = (grey >> (16 - bits)).tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


def stored(data: Dataset) -> bytes:
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def encoded(suffix: str, image: NDArray[np.generic]) -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def inverted(grey: Grey) -> bytes:
    return stored(dicom(np.invert(grey), PhotometricInterpretation="MONOCHROME1"))


def run_length(grey: Grey) -> bytes:
    data = dicom(grey)
    data.compress(RLELossless)
    return stored(data)


def grey_image(grey: Grey) -> Image.Image:
    return Image.fromarray((grey >> 8).astype(np.uint8))


GOOD: list[tuple[str, Callable[[Grey], bytes]]] = [
    ("grey.png", lambda grey: saved(grey_image(grey), "PNG")),
    ("deep.png", lambda grey: encoded(".png", grey)),
    ("palette.png", lambda grey: saved(grey_image(grey).convert("P"), "PNG")),
    ("grey.jpg", lambda grey: saved(grey_image(grey), "JPEG")),
    ("colour.JPEG", lambda grey: saved(grey_image(grey).convert("RGB"), "JPEG")),
    ("deep.tif", lambda grey: encoded(".tif", grey)),
    ("grey.bmp", lambda grey: saved(grey_image(grey), "BMP")),
    ("colour.webp", lambda grey: saved(grey_image(grey).convert("RGB"), "WEBP")),
    ("inverted.dcm", inverted),
    ("", run_length),
]


def png(width: int, height: int, body: bytes) -> bytes:
    """A PNG that claims a size and holds any compressed body."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def several_pages(grey: Grey) -> bytes:
    page = grey_image(grey)
    return saved(page, "TIFF", save_all=True, append_images=[page])


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("x.png", b"x")
    return buffer.getvalue()


def huge_tiff() -> bytes:
    entries = [(256, 4, 1, 200_000), (257, 4, 1, 200_000), (258, 3, 1, 8), (259, 3, 1, 1),
               (262, 3, 1, 1), (273, 4, 1, 8), (278, 4, 1, 200_000), (279, 4, 1, 100)]  # fmt: skip
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + tags + bytes(4)


def of_class(grey: Grey, uid: str) -> bytes:
    """A DICOM object without pixels."""
    data = dicom(grey, PixelData=None, Rows=None, Columns=None, SOPClassUID=uid)
    data.file_meta.MediaStorageSOPClassUID = uid
    return stored(data)


def hostile(grey: Grey, random: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Names and contents of files none of which is a readable radiograph."""
    good_png, good_dicom = encoded(".png", grey), stored(dicom(grey))
    jpeg, tiff, webp = (
        saved(grey_image(grey), "JPEG"),
        encoded(".tif", grey),
        saved(grey_image(grey), "WEBP"),
    )
    rows = len(grey)
    yield "empty.png", b""
    yield "one byte.jpg", b"\xff"
    yield "text.png", b"This is no picture.\n" * 50
    yield "noise.png", random.bytes(50_000)
    yield "noise.dcm", random.bytes(50_000)
    yield "zeros.tif", bytes(50_000)
    yield "signature only.png", good_png[:8]
    yield "header only.png", good_png[:33]
    yield "header only.jpg", jpeg[:150]
    yield "header only.tif", tiff[:8]
    yield "header only.bmp", saved(grey_image(grey), "BMP")[:20]
    yield "header only.webp", webp[:24]
    yield "preamble only.dcm", good_dicom[:132]
    yield "cut in the header.dcm", good_dicom[:250]
    yield "cut in the pixels.dcm", good_dicom[: len(good_dicom) // 2]
    yield "bomb.png", png(50_000, 50_000, zlib.compress(bytes(50_000_000), 9))
    yield "absurd.png", png(2**31 - 1, 2**31 - 1, b"")
    yield "flat.png", png(0, 100, zlib.compress(b""))
    yield "lying.tif", huge_tiff()
    yield (
        "lying.bmp",
        b"BM" + struct.pack("<IHHIIiiHHI", 99, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0) + bytes(40),
    )
    yield "too many rows.dcm", stored(dicom(grey, Rows=2 * rows))
    yield "absurd.dcm", stored(dicom(grey, Rows=65_535, Columns=65_535))
    yield "no rows.dcm", stored(dicom(grey, Rows=0))
    yield "no pixels.dcm", stored(dicom(grey, PixelData=None))
    yield "no size.dcm", stored(dicom(grey, Rows=None))
    yield "cine.dcm", stored(dicom(np.vstack([grey, grey]), Rows=rows, NumberOfFrames=2))
    yield "many frames.dcm", stored(dicom(grey, NumberOfFrames=2_000_000_000))
    yield "colour space.dcm", stored(dicom(grey, PhotometricInterpretation="NONSENSE"))
    yield "report.dcm", of_class(grey, BasicTextSRStorage)
    yield "directory.dcm", of_class(grey, MediaStorageDirectoryStorage)
    yield "pages.tiff", several_pages(grey)
    yield (
        "animation.webp",
        saved(
            Image.new("L", (9, 9)),
            "WEBP",
            save_all=True,
            append_images=[Image.new("L", (9, 9), 200)],
        ),
    )
    yield "picture.gif.png", saved(Image.new("L", (9, 9)), "GIF")
    yield "archive.dcm", archive()
    yield "document.jpg", b"%PDF-1.7\n" + bytes(2_000)
    yield "program.png", b"\x7fELF" + bytes(2_000)
    yield "page.bmp", b"<!DOCTYPE html><html></html>"
    yield "labels.webp", json.dumps({"boxes": []}).encode()
    yield "bad tail.png", good_png[:33] + random.bytes(20_000)
    yield "\x1b[2J[bold]\nname.png", b"escape"


def make_folder(folder: Path, files: int, broken: int) -> tuple[list[str], list[str]]:
    """Fill the folder; returns the paths of the good files and of the bad ones."""
    random = np.random.default_rng(0)
    distinct = -(-(files - broken) // len(GOOD))
    greys = [
        np.rint(make_phantom(seed).radiograph.pixels * 65535).astype(np.uint16)
        for seed in range(distinct)
    ]
    good, bad = [], []
    for number in range(files - broken):
        name, encode = GOOD[number % len(GOOD)]
        path = folder / f"{number // 100}" / (f"{number:04} {name}" if name else f"{number:04}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(greys[number // len(GOOD)]))
        good.append(str(path))
    while len(bad) < broken:
        path = folder / "0" / f"{len(bad):02} odd.png"
        if len(bad) % 2:
            os.mkfifo(path)
        else:
            path.symlink_to("nowhere")
        bad.append(str(path))
        for name, data in hostile(greys[len(bad) % distinct], random):
            if len(bad) == broken:
                break
            path = folder / f"{len(bad) % 3}" / f"{len(bad):02} {name}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            bad.append(str(path))
    (folder / "loop").symlink_to(folder)
    return good, bad


def detect(folder: Path, out: Path, extra: list[str]) -> tuple[int, list[dict[str, object]], str]:
    """Exit status, lines and stderr of one run of the command."""
    command = [sys.executable, "-m", "fractura.cli", "detect", str(folder), "--json"]
    result = subprocess.run(
        [*command, "--out", str(out), *extra], capture_output=True, text=True, check=False
    )
    return (
        result.returncode,
        [json.loads(line) for line in result.stdout.splitlines()],
        result.stderr,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--hostile", type=int, default=50)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keep", type=Path, help="leave everything in this folder")
    options = parser.parse_args()
    extra = ["--workers", str(options.workers)] if options.workers else []
    with tempfile.TemporaryDirectory() as temporary:
        base = options.keep or Path(temporary)
        folder, out = base / "folder", base / "out"
        folder.mkdir(parents=True)
        good, bad = make_folder(folder, options.files, options.hostile)
        start = time.perf_counter()
        status, lines, errors = detect(folder, out, extra)
        seconds = time.perf_counter() - start
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        again_status, again, again_errors = detect(folder, out, extra)
        again_seconds = time.perf_counter() - start
    read = [line for line in lines if "error" not in line]
    failed = [line for line in lines if "error" in line]
    checks = {
        "exit status 1": status == again_status == 1,
        "a reading for each good file": sorted(line["path"] for line in read) == sorted(good),
        "an error for each bad file": sorted(line["path"] for line in failed) == sorted(bad),
        "errors name the file": all(line["path"] in line["error"]["message"] for line in failed),
        "errors are of a documented type": {line["error"]["type"] for line in failed} <= TYPES,
        "nothing on stderr": not errors and not again_errors,
        "the second run reads nothing anew": again == lines,
    }  # fmt: skip
    for line in failed:
        print(f"{line['error']['type']:<22} {line['error']['message'].removeprefix(str(folder))!r}")
    report = {
        "readings": len(read),
        "errors": len(failed),
        "error types": Counter(line["error"]["type"] for line in failed),
        "readings with warnings": sum(bool(line["warnings"]) for line in read),
        "seconds": round(seconds, 1),
        "processor seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak memory in MB": round(usage.ru_maxrss / 1024),
        "seconds of the second run": round(again_seconds, 1),
        "checks": checks,
    }
    print(json.dumps(report, indent=2))
    sys.exit(not all(checks.values()))


if __name__ == "__main__":
    main()
