"""Mutation fuzzing of the loader: every file must load or raise a LoadError, quickly and small.

    python benchmarks/fuzz_load.py --files 20000 --seed 0 [--corpus DIR] [--keep DIR]

File number i depends on the seed and i alone. The files are read in a child process, so that a
crash or a hang (10 seconds of processor time) of a native decoder is seen, counted and survived.
Prints a JSON report; the exit status is 1 if anything but a LoadError or a valid radiograph came
out. Linux only (it reads ``/proc`` for memory).
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import json
import multiprocessing
import os
import re
import struct
import sys
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ComputedRadiographyImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from fractura.errors import LoadError
from fractura.imaging.load import load_bytes

HANG_CPU_SECONDS = 10
HANG_WALL_SECONDS = 300
INTERESTING = (0, 1, 2, 3, 7, 8, 12, 16, 17, 31, 32, 64, 127, 128, 255, 256, 1000, 4096, 10000)
INTERESTING += (0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Mutation = Callable[[bytearray, np.random.Generator], None]


def dicom(pixels: np.ndarray, syntax: UID, encoded: bytes | None = None, **values: Any) -> bytes:
    """A DICOM file of grey or RGB pixels, with ``encoded`` as its one compressed frame."""
    dataset = Dataset()
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = pixels.shape[2] if pixels.ndim == 3 else 1
    dataset.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelSpacing = [0.15, 0.15]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    native = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    dataset.PixelData = native if encoded is None else encapsulate([encoded])
    dataset["PixelData"].VR = "OW" if pixels.dtype.itemsize == 2 else "OB"
    dataset["PixelData"].is_undefined_length = encoded is not None
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    buffer = io.BytesIO()
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """Small valid files of every format and transfer syntax."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:24, :32]
    wave = 0.5 + 0.3 * np.sin(rows / 4) * np.cos(columns / 5) + 0.1 * rng.random((24, 32))
    grey8 = (wave * 255).astype(np.uint8)
    grey12, grey16 = (wave * 4095).astype(np.uint16), (wave * 65535).astype(np.uint16)
    signed = (wave * 4095 - 1024).astype(np.int16)
    rgb8 = np.stack([grey8, grey8 // 2, grey8 // 3], axis=-1)
    rgb16 = np.stack([grey16, grey16 // 2, grey16 // 3], axis=-1)
    rgba8 = np.concatenate([rgb8, grey8[..., np.newaxis]], axis=-1)
    palette = Image.fromarray(rgb8).quantize(16)

    def pillow(image: Image.Image, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    exif = Image.Exif()
    exif[0x0112] = 6
    images = {
        "grey8": Image.fromarray(grey8),
        "grey16": Image.fromarray(grey16),
        "rgb8": Image.fromarray(rgb8),
        "rgba8": Image.fromarray(rgba8),
        "palette": palette,
        "bilevel": Image.fromarray(grey8).convert("1"),
    }
    files = {f"{name}.png": pillow(image, "PNG") for name, image in images.items()}
    files |= {f"{name}.tif": pillow(image, "TIFF") for name, image in images.items()}
    files["rgb16.png"] = imagecodecs.png_encode(rgb16)
    files["exif.png"] = pillow(images["rgb8"], "PNG", exif=exif)
    files["float.tif"] = pillow(Image.fromarray(wave.astype(np.float32)), "TIFF")
    for scheme in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        files[f"{scheme}.tif"] = pillow(images["rgb8"], "TIFF", compression=scheme)
    files["group4.tif"] = pillow(images["bilevel"], "TIFF", compression="group4")
    files["pages.tif"] = pillow(
        images["grey8"], "TIFF", save_all=True, append_images=[images["grey8"]]
    )
    files["grey.jpg"] = pillow(images["grey8"], "JPEG")
    files["exif.jpg"] = pillow(images["rgb8"], "JPEG", exif=exif)
    files["progressive.jpg"] = pillow(images["rgb8"], "JPEG", progressive=True)
    files["restart.jpg"] = pillow(images["rgb8"], "JPEG", restart_marker_rows=1)
    files["cmyk.jpg"] = pillow(images["rgb8"].convert("CMYK"), "JPEG")
    files["twelve.jpg"] = imagecodecs.jpeg8_encode(grey12, bitspersample=12)
    for name in ("grey8", "rgb8", "rgba8", "palette", "bilevel"):
        files[f"{name}.bmp"] = pillow(images[name], "BMP")
    files["lossy.webp"] = pillow(images["rgb8"], "WEBP", exif=exif)
    files["lossless.webp"] = pillow(images["rgba8"], "WEBP", lossless=True)
    files["animated.webp"] = pillow(
        images["rgb8"], "WEBP", save_all=True, append_images=[images["rgba8"]]
    )

    for syntax in (
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    ):
        files[f"{syntax.keyword}.dcm"] = dicom(
            grey16, syntax, WindowCenter=[30000, 1], WindowWidth=[40000, 2]
        )
        files[f"{syntax.keyword}-rgb.dcm"] = dicom(rgb8, syntax)
    encodings = {
        JPEGBaseline8Bit: (grey8, imagecodecs.jpeg8_encode(grey8)),
        JPEGExtended12Bit: (grey12, imagecodecs.jpeg8_encode(grey12, bitspersample=12)),
        JPEGLosslessSV1: (
            grey16,
            imagecodecs.jpeg8_encode(grey16, lossless=True, predictor=1, bitspersample=16),
        ),
        JPEGLSLossless: (grey16, imagecodecs.jpegls_encode(grey16)),
        JPEGLSNearLossless: (grey8, imagecodecs.jpegls_encode(grey8, level=2)),
        JPEG2000Lossless: (
            grey16,
            imagecodecs.jpeg2k_encode(grey16, codecformat="J2K", reversible=True),
        ),
        JPEG2000: (rgb8, imagecodecs.jpeg2k_encode(rgb8, codecformat="J2K", level=40)),
        HTJ2K: (grey16, imagecodecs.htj2k_encode(grey16)),
    }
    for syntax, (pixels, encoded) in encodings.items():
        files[f"{syntax.keyword}.dcm"] = dicom(pixels, syntax, encoded)
    files["jpeg-rgb.dcm"] = dicom(rgb8, JPEGBaseline8Bit, imagecodecs.jpeg8_encode(rgb8))
    files["signed.dcm"] = dicom(
        signed, ExplicitVRLittleEndian, RescaleSlope=2, RescaleIntercept=-5, PixelPaddingValue=-9
    )
    table = Dataset()
    table.LUTDescriptor = [256, 100, 16]
    table.LUTData = np.arange(0, 65536, 256, dtype="<u2").tobytes()
    tables = {"ModalityLUTSequence": [table], "VOILUTSequence": [table]}
    for keyword, sequence in tables.items():
        for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
            files[f"{keyword}-{syntax.keyword}.dcm"] = dicom(grey16, syntax, **{keyword: sequence})
    colours = {}
    for colour in ("Red", "Green", "Blue"):
        colours[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        colours[f"{colour}PaletteColorLookupTableData"] = np.arange(256, dtype="<u2").tobytes()
    files["palette.dcm"] = dicom(
        grey8, ExplicitVRLittleEndian, PhotometricInterpretation="PALETTE COLOR", **colours
    )
    files["frames.dcm"] = dicom(
        np.concatenate([grey8, grey8]), ExplicitVRLittleEndian, Rows=24, NumberOfFrames=2
    )
    files["bare.dcm"] = files["ImplicitVRLittleEndian.dcm"].partition(b"DICM")[2]
    return files


def number(rng: np.random.Generator) -> int:
    return int(rng.choice(INTERESTING)) if rng.random() < 0.7 else int(rng.integers(1 << 32))


def flip_bits(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(1, 9))):
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))


def overwrite(data: bytearray, rng: np.random.Generator) -> None:
    """Put an interesting number of 1, 2 or 4 bytes somewhere, rather near the start."""
    size = int(rng.choice([1, 2, 4]))
    at = int(rng.integers(len(data)) if rng.random() < 0.5 else rng.integers(min(len(data), 200)))
    order = "little" if rng.random() < 0.5 else "big"
    data[at : at + size] = (number(rng) % (1 << 8 * size)).to_bytes(size, order)


def truncate(data: bytearray, rng: np.random.Generator) -> None:
    del data[int(rng.integers(len(data))) :]


def move_chunk(data: bytearray, rng: np.random.Generator) -> None:
    """Remove, duplicate or transplant a piece."""
    start = int(rng.integers(len(data)))
    piece = data[start : start + int(rng.integers(1, 200))]
    if rng.random() < 0.5:
        del data[start : start + len(piece)]
    if rng.random() < 0.7:
        at = int(rng.integers(len(data) + 1))
        data[at:at] = piece * int(rng.integers(1, 4))


def insert_noise(data: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(data) + 1))
    data[at:at] = rng.bytes(int(rng.integers(1, 60)))


def edit_header(data: bytearray, rng: np.random.Generator) -> None:
    """Change a field that says how large, how deep or of which kind the image is."""
    fields: list[tuple[int, str]] = []
    if data[:4] == b"\x89PNG":
        fields = [(16, ">I"), (20, ">I"), (24, "B"), (25, "B"), (28, "B"), (33, ">I")]
    elif data[:2] == b"BM":
        fields = [
            (10, "<I"),
            (14, "<I"),
            (18, "<i"),
            (22, "<i"),
            (28, "<H"),
            (30, "<I"),
            (46, "<I"),
        ]
    elif data[:4] == b"RIFF":
        fields = [(4, "<I"), (16, "<I"), (20, "B"), (21, "<I"), (24, "<I"), (26, "<H"), (28, "<H")]
    elif data[:4] == b"II*\0":
        at = int.from_bytes(data[4:8], "little")
        count = int.from_bytes(data[at : at + 2], "little")
        for entry in range(at + 2, at + 2 + 12 * min(count, 40), 12):
            fields += [(entry, "<H"), (entry + 2, "<H"), (entry + 4, "<I"), (entry + 8, "<H")] * 2
            fields += [(entry + 8, "<I")] * 2
    for mark in re.finditer(b"\xff[\xc0-\xc3\xf7]", data):
        start = mark.start()
        fields += [(start + 4, "B"), (start + 5, ">H"), (start + 7, ">H"), (start + 9, "B")]
        fields += [(start + 2, ">H"), (start + 11, "B")]
    for mark in re.finditer(b"\xff\x4f\xff\x51", data):
        start = mark.start()
        fields += [(start + offset, ">I") for offset in range(8, 40, 4)]
        fields += [(start + 40, ">H"), (start + 42, "B"), (start + 43, "B"), (start + 54, ">I")]
    if b"DICM" in data[:140] or data[:1] == b"\x08":
        for mark in re.finditer(rb"\x28\0[\x02-\x08\x10\x11\x00\x01\x02\x03\x06\x20]", data):
            start = mark.start()
            fields += [(start + 8, "<H"), (start + 4, "<I"), (start + 8, "B"), (start + 6, "<H")]
        for mark in re.finditer(rb"\xe0\x7f\x10\0|\xfe\xff\x00\xe0", data):
            fields += [(mark.start() + 4, "<I"), (mark.start() + 8, "<I")] * 2
    fields = [(at, kind) for at, kind in fields if at + struct.calcsize(kind) <= len(data)]
    for _ in range(int(rng.integers(1, 4)) if fields else 0):
        at, kind = fields[int(rng.integers(len(fields)))]
        bits = 8 * struct.calcsize(kind)
        value = number(rng) % (1 << bits)
        struct.pack_into(kind.upper(), data, at, value)


def fix_png(data: bytearray) -> None:
    """Make the checksums right again, so that libpng reads on."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            return
        struct.pack_into(">I", data, at + 8 + length, zlib.crc32(data[at + 4 : at + 8 + length]))
        at += 12 + length


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    overwrite,
    truncate,
    move_chunk,
    insert_noise,
    edit_header,
    edit_header,
)


def mutate(original: bytes, rng: np.random.Generator) -> bytes:
    """One to three mutations of a file."""
    head, inflated = b"", original
    if DeflatedExplicitVRLittleEndian.encode() in original[:1000] and rng.random() < 0.7:
        start = 144 + int.from_bytes(original[140:144], "little")
        head, inflated = original[:start], zlib.decompress(original[start:], -15)
    data = bytearray(inflated)
    for _ in range(int(rng.integers(1, 4))):
        if data:
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](data, rng)
    if data[:4] == b"\x89PNG" and rng.random() < 0.7:
        fix_png(data)
    if head:
        deflater = zlib.compressobj(wbits=-15)
        return head + deflater.compress(bytes(data)) + deflater.flush()
    return bytes(data)


def check(data: bytes) -> str:
    """The name of what came out, which starts with BUG if it should not have."""
    try:
        radiograph = load_bytes(data, name="fuzz")
    except LoadError as error:
        return type(error).__name__
    except Exception:
        return "BUG " + traceback.format_exc()
    pixels = radiograph.pixels
    valid = pixels.dtype == np.float32 and pixels.ndim == 2 and pixels.size > 0
    valid = valid and bool(np.isfinite(pixels).all()) and 0 <= pixels.min() <= pixels.max() <= 1
    return "Radiograph" if valid else f"BUG invalid radiograph {pixels.dtype} {pixels.shape}"


def memory_mib(key: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split(key + ":")[1].split()[0]) / 1024


def wait(pipe: Connection, pid: int | None) -> None:
    """Wait for an answer; processor time counts, so that a busy machine is not taken for a hang."""

    def cpu_seconds() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    if pipe.poll(1):
        return
    began, used = time.monotonic(), cpu_seconds()
    while not pipe.poll(1):
        if cpu_seconds() - used > HANG_CPU_SECONDS or time.monotonic() - began > HANG_WALL_SECONDS:
            raise TimeoutError


def work(
    pipe: Connection, corpus: list[tuple[str, bytes]], seed: int, first: int, end: int
) -> None:
    faulthandler.enable()
    for index in range(first, end):
        rng = np.random.default_rng([seed, index])
        name, original = corpus[int(rng.integers(len(corpus)))]
        data = mutate(original, rng)
        pipe.send((index, name, data))
        before = memory_mib("VmRSS")
        # Resets the high-water mark of this process (proc(5)).
        Path("/proc/self/clear_refs").write_text("5")
        start = time.process_time()
        outcome = check(data)
        seconds = time.process_time() - start
        pipe.send((outcome, seconds, memory_mib("VmHWM") - before, memory_mib("VmRSS")))
    pipe.send(None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corpus", type=Path, help="a folder of further files to mutate")
    parser.add_argument("--keep", type=Path, help="write the files that showed a bug here")
    arguments = parser.parse_args()
    corpus = list(seeds().items())
    if arguments.corpus:
        paths = sorted(path for path in arguments.corpus.rglob("*") if path.is_file())
        corpus += [(path.name, path.read_bytes()) for path in paths]
    unreadable = [name for name, data in corpus if check(data).startswith("BUG")]
    outcomes: Counter[str] = Counter()
    bugs: list[str] = [f"unmutated {name}" for name in unreadable]
    slowest, largest, resident = (0.0, ""), (0.0, ""), []
    context, index = multiprocessing.get_context("spawn"), 0
    began = time.perf_counter()
    while index < arguments.files:
        ours, theirs = context.Pipe()
        process = context.Process(
            target=work, args=(theirs, corpus, arguments.seed, index, arguments.files)
        )
        process.start()
        theirs.close()
        try:
            while (message := ours.recv()) is not None:
                index, name, data = message
                label = f"{index} {name}"
                wait(ours, process.pid)
                outcome, seconds, mib, now = ours.recv()
                if outcome.startswith("BUG"):
                    raise ValueError(outcome)
                outcomes[outcome] += 1
                slowest, largest = max(slowest, (seconds, label)), max(largest, (mib, label))
                resident.append(now)
                index += 1
        except (EOFError, TimeoutError, ValueError) as error:
            kind = {EOFError: "crash", TimeoutError: "hang"}.get(type(error), str(error))
            outcomes[kind.partition("\n")[0]] += 1
            bugs.append(f"{label}: {kind[-400:]}")
            if arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                (arguments.keep / label.replace(" ", "-")).write_bytes(data)
            process.kill()
            index += 1
        process.join()
    report = {
        "files": arguments.files,
        "seed": arguments.seed,
        "corpus": len(corpus),
        "outcomes": dict(outcomes.most_common()),
        "seconds": round(time.perf_counter() - began, 1),
        "slowest_cpu_seconds": (round(slowest[0], 3), slowest[1]),
        "largest_peak_mib": (round(largest[0], 1), largest[1]),
        "resident_mib_tenth_and_end": [round(resident[len(resident) // 10]), round(resident[-1])],
        "bugs": bugs,
    }
    print(json.dumps(report, indent=1))
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main())
