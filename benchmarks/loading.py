"""Is the data path the bottleneck? Images per second of each of its parts, beside a training step.

    python benchmarks/loading.py MANIFEST [--side 224] [--count 400] [--out loading.json]

Takes the first ``--count`` readable training radiographs of the manifest. Every figure is the
median of ``--rounds`` rounds in which all methods take turns. All have one thread, so that
milliseconds of processor time an image compare even on a busy machine (those of worker processes
are not counted). Decoding is of synthetic radiographs. The training step is torchvision's
ResNet-18 with one input channel: forward, backward and SGD on random input.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.models import resnet18
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from fractura.datasets.storage import read_manifest
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig
from fractura.imaging.save import save_png, to_16_bit
from fractura.training.data.augment import augment
from fractura.training.data.batch import Label
from fractura.training.data.loader import training_loader
from fractura.training.data.plan import Plan
from fractura.training.data.store import open_store
from fractura.training.recipe import Architecture, Augmentation, Data, Recipe, TrainerConfig

STRONGEST = Augmentation(
    rotation=180,
    vertical_flip=0.5,
    **dict.fromkeys(
        ("quarter_turn", "clahe", "blur", "noise", "jpeg", "invert", "random_erasing"), 1.0
    ),
    paste=1,
)
BATCH = 16


def timed(work: Callable[[], int]) -> tuple[float, float]:
    """Images per second of something that says how many it did, and processor ms an image."""
    start, busy = time.perf_counter(), time.process_time()
    count = work()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return count / seconds, 1000 * busy / count


def decoding(folder: Path, count: int) -> dict[str, Callable[[], int]]:
    """Read synthetic radiographs of 1000 x 1200 pixels in each format."""
    paths: dict[str, list[Path]] = {"PNG, 16 bits": [], "JPEG, 8 bits": [], "DICOM, 16 bits": []}
    for seed in range(count):
        pixels = make_phantom(seed, width=1000, height=1200).radiograph.pixels
        for files, ending in zip(paths.values(), ("png", "jpg", "dcm"), strict=True):
            files.append(folder / f"{seed}.{ending}")
        save_png(folder / f"{seed}.png", to_16_bit(pixels))
        cv2.imwrite(str(folder / f"{seed}.jpg"), np.rint(pixels * 255).astype(np.uint8))
        save_dicom(folder / f"{seed}.dcm", to_16_bit(pixels))
    return {
        f"decode {name}": lambda files=files: len([load(path) for path in files])
        for name, files in paths.items()
    }


def save_dicom(path: Path, pixels: np.ndarray) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    data.SOPInstanceUID = generate_uid()
    data.Modality, data.PhotometricInterpretation, data.SamplesPerPixel = "DX", "MONOCHROME2", 1
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)


def affine_maps(side: int) -> dict[str, Callable[[], int]]:
    """torchvision's affine map of one float image, and OpenCV's of an 8-bit one; one thread."""
    image = tv_tensors.Image(torch.rand(1, side, side))
    bytes_ = (image[0].numpy() * 255).astype(np.uint8)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), 10, 1.1)

    def ours() -> int:
        for _ in range(200):
            transforms.affine(image, 10.0, [3.0, 4.0], 1.1, [0.0, 0.0], InterpolationMode.BILINEAR)
        return 200

    def opencv() -> int:
        for _ in range(200):
            cv2.warpAffine(bytes_, matrix, (side, side))
        return 200

    return {"affine of torchvision v2": ours, "affine of OpenCV, 8 bits": opencv}


def training_step(side: int, precision: torch.dtype) -> Callable[[], int]:
    model = resnet18(num_classes=2)
    model.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    images = torch.randn(BATCH, 1, side, side).contiguous(memory_format=torch.channels_last)
    target = torch.randint(2, (BATCH,))

    def work() -> int:
        for _ in range(2):
            optimizer.zero_grad()
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                loss = torch.nn.functional.cross_entropy(model(images), target)
            loss.backward()
            optimizer.step()
        return 2 * BATCH

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    side = arguments.side
    records = [item for item in read_manifest(arguments.manifest).records if item.split == "train"]
    records = records[: arguments.count]

    def recipe(settings: Augmentation) -> Recipe:
        fit = PreprocessConfig(long_side=side, multiple=side)
        model = Architecture(name="fractura")
        loop = TrainerConfig(epochs=1, batch_size=BATCH)
        return Recipe(
            name="loading",
            task="multi-task",
            model=model,
            data=Data(fit=fit),
            augmentation=settings,
            trainer=loop,
        )

    plain, strong = recipe(Augmentation()), recipe(STRONGEST)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(records, plain.data, folder / "store", cores)
        labels = [Label(fractured=float(item.fractured or 0)) for item in store.records]
        plan = Plan(labels, store, plain)
        everything = range(len(store))

        def fill(threads: int) -> int:
            with tempfile.TemporaryDirectory() as fresh:
                return len(open_store(records, plain.data, Path(fresh), threads))

        def vary(settings: Augmentation) -> int:
            for index in everything:
                image, marks = store.image(index), store.outlines(index)
                augment(image, marks, plain.data.frame, plain.data.preprocess, settings, index)
            return len(store)

        def batches(chosen: Recipe, workers: int) -> int:
            loader: Iterable[Any] = training_loader(store, plan, 0, chosen, workers)
            return sum(len(batch.images) for batch in loader)

        tasks: dict[str, Callable[[], int]] = {
            **decoding(folder, 8),
            "store, filled by 1 thread": lambda: fill(1),
            f"store, filled by {cores} threads": lambda: fill(cores),
            "store, read": lambda: len([store.image(index) for index in everything]),
            **affine_maps(side),
            "augment, default": lambda: vary(Augmentation()),
            "augment, strongest": lambda: vary(STRONGEST),
            **{
                f"loader, {words}, {workers} workers": lambda chosen=chosen, workers=workers: (
                    batches(chosen, workers)
                )
                for words, chosen in (("default", plain), ("strongest", strong))
                for workers in (0, 1, 2)
            },
            "ResNet-18 step, fp32": training_step(side, torch.float32),
            "ResNet-18 step, bf16": training_step(side, torch.bfloat16),
        }
        taken: dict[str, list[tuple[float, float]]] = {label: [] for label in tasks}
        for _ in range(arguments.rounds):
            for label, work in tasks.items():
                taken[label].append(timed(work))
    result = {
        "cores": cores,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "side": side,
        "images": len(store),
        "rounds": arguments.rounds,
        "parts": {
            label: {
                "images_per_second": round(float(np.median([rate for rate, _ in pairs])), 1),
                "processor_ms": round(float(np.median([busy for _, busy in pairs])), 3),
                "lowest_ms": round(min(busy for _, busy in pairs), 3),
                "highest_ms": round(max(busy for _, busy in pairs), 3),
            }
            for label, pairs in taken.items()
        },
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
