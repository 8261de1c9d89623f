"""A small clean data set of phantoms, and manifests with faults planted in it."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Annotation, Record
from fractura.findings import Box
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png

SPLITS = ["train"] * 8 + ["valid"] * 2 + ["test"] * 2
WIDTH, HEIGHT = 168, 208


def no_progress(items, total, name):
    return items


def make_record(path: Path, **more) -> Record:
    return Record(id=f"phantoms/{path.name}", path=path, source="phantoms", **more)


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """Twelve phantoms as 8-bit PNG files, every other one with a fracture and its box."""
    folder = tmp_path_factory.mktemp("originals")
    records = []
    for seed, split in enumerate(SPLITS):
        kind = "transverse" if seed % 2 else None
        phantom = make_phantom(seed, fracture=kind, width=WIDTH, height=HEIGHT)
        path = folder / f"{seed:02}.png"
        save_png(path, np.rint(phantom.radiograph.pixels * 255).astype(np.uint8))
        marks = tuple(Annotation("fracture", Box(*box.as_list())) for box in phantom.boxes)
        label = "fracture" if kind else "no fracture"
        records.append(
            make_record(path, label=label, split=split, patient=f"p{seed}", annotations=marks)
        )
    return tuple(records)


@pytest.fixture
def clean(originals):
    return Manifest(originals)


@pytest.fixture
def faulty(originals, tmp_path):
    """The clean manifest with one fault of each kind, each in files of its own."""
    records = list(originals)

    def add(name, like, data, **more):
        path = tmp_path / name
        path.write_bytes(data)
        records.append(make_record(path, **{"label": like.label, "split": like.split, **more}))

    def pixels(record):
        return cv2.imread(str(record.path), cv2.IMREAD_GRAYSCALE)

    def jpeg(image, quality=70):
        return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()

    first, second, third, fourth, fifth = originals[:5]
    add("copy.png", first, first.path.read_bytes(), split="test")
    add("mirrored.jpg", second, jpeg(pixels(second)[:, ::-1]), split="valid")
    add("rewrapped.bmp", third, cv2.imencode(".bmp", pixels(third))[1].tobytes())
    add("contradiction.jpg", fourth, jpeg(pixels(fourth), 80), label="no fracture")
    records[4] = replace(fifth, patient="torn")
    records[8] = replace(records[8], patient="torn")
    records[5] = replace(records[5], group="named")
    records[10] = replace(records[10], group="named")

    stranger = [make_phantom(seed, width=WIDTH, height=HEIGHT) for seed in range(50, 56)]
    grey = [np.rint(item.radiograph.pixels * 255).astype(np.uint8) for item in stranger]
    add("7.png", first, cv2.imencode(".png", grey[0])[1].tobytes())
    add("7-rotated1.jpg", first, jpeg(grey[0][:, ::-1]))
    add("7-rotated2.jpg", first, jpeg(grey[1]))
    add("empty.png", first, b"")
    add("text.png", first, b"This is no image at all.")
    whole = jpeg(grey[2], 95)
    add("truncated.jpg", first, whole[: len(whole) * 2 // 3])
    outside = Annotation("fracture", Box(WIDTH + 5, 5, WIDTH + 50, 50))
    beyond = Annotation("fracture", Box(WIDTH - 20, 5, WIDTH + 9, 50))
    flat = Annotation("fracture", Box(30, 50, 30, 60))
    huge = Annotation("fracture", Box(0, 0, WIDTH, HEIGHT))
    outline = (((10.0, 10.0), (60.0, 10.0), (30.0, 30.0)),)
    loose = Annotation("fracture", Box(10, 10, 40, 30), outline)
    add("boxes.png", second, cv2.imencode(".png", grey[3])[1].tobytes(), annotations=(
        *(outside, beyond, flat, huge, loose),
    ))  # fmt: skip
    inside = (Annotation("fracture", Box(30, 30, 60, 60)),)
    add("normal.png", first, cv2.imencode(".png", grey[4])[1].tobytes(), annotations=inside)
    add("unmarked.png", second, cv2.imencode(".png", grey[5])[1].tobytes(), annotations=())
    records.append(make_record(tmp_path / "missing.png", label="abnormal", split="train"))
    records[6] = replace(records[6], sha256="0" * 64, notes=("the table says fracture",))
    records[7] = replace(records[7], width=HEIGHT, height=WIDTH)
    return Manifest(tuple(records))
