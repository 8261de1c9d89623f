"""Time the reader beside two torchvision detectors, on the same images in the same run.

    python benchmarks/speed.py IMAGE_FOLDER [--out speed.json]

Needs ``fractura[train]`` for the torchvision detectors, which run in eager mode with their
published architecture and random weights (their speed does not depend on training, except for
the number of boxes to suppress). Everything is a median; the methods take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

RIVALS = ("fasterrcnn_mobilenet_v3_large_320_fpn", "ssdlite320_mobilenet_v3_large")
RIVAL_SCRIPT = """
import sys, torch
from torchvision.io import ImageReadMode, decode_image
from torchvision.models import detection
model = getattr(detection, sys.argv[1])(weights=None, weights_backbone=None).eval()
image = decode_image(sys.argv[2], ImageReadMode.RGB).float() / 255
with torch.inference_mode():
    print(len(model([image])[0]["boxes"]))
"""


def whole_process(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak MiB of memory of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed; run it by hand")
    return seconds, usage.ru_maxrss / 1024


def cold(image: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Start a process, read one image, end."""
    commands = {"fractura detect": [str(Path(sys.executable).with_name("fractura")), "detect"]}
    commands |= {name: [sys.executable, "-c", RIVAL_SCRIPT, name] for name in RIVALS}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            taken[name].append(whole_process([*command, str(image)]))
    return {
        name: {
            "seconds": float(np.median([seconds for seconds, _ in values[1:]])),
            "peak_mib": float(np.median([peak for _, peak in values[1:]])),
        }
        for name, values in taken.items()
    }


def warm(images: list[Path], threads: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Milliseconds an image, file to boxes, with ours in its parts, by method.

    Each method has a process of its own, since the thread pools of two runtimes in one process
    wait for each other; the methods take turns.
    """
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in ("fractura", *RIVALS)}
    for _ in range(rounds):
        for name, values in taken.items():
            with get_context("spawn").Pool(1) as pool:
                values += pool.apply(measure, (name, images, threads))
    return taken


def measure(name: str, images: list[Path], threads: int) -> list[dict[str, float]]:
    """Read every image once with one method, after three to warm up."""
    read = _ours(threads) if name == "fractura" else _rival(name, threads)
    for path in images[:3]:
        read(path)
    result = []
    for path in images:
        start = time.perf_counter()
        parts = read(path)
        result.append({"total": 1000 * (time.perf_counter() - start), **parts})
    return result


def _ours(threads: int) -> Callable[[Path], dict[str, float]]:
    from fractura import Reader

    reader = Reader(threads=threads)
    return lambda path: dict(reader.read_file(path).milliseconds)


def _rival(name: str, threads: int) -> Callable[[Path], dict[str, float]]:
    import torch
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.models import detection

    torch.set_num_threads(threads)
    model = getattr(detection, name)(weights=None, weights_backbone=None).eval()

    def read(path: Path) -> dict[str, float]:
        with torch.inference_mode():
            model([decode_image(str(path), ImageReadMode.RGB).float() / 255])
        return {}

    return read


def folder(images: list[Path], workers: int) -> float:
    """Images per second of the streaming reader."""
    from fractura import Reader
    from fractura.batch.read_files import read_files

    reader = Reader(threads=1)
    start = time.perf_counter()
    count = sum(1 for _ in read_files(reader, images, workers=workers))
    return count / (time.perf_counter() - start)


def _median(values: list[dict[str, float]], part: str) -> float:
    return float(np.median([value[part] for value in values]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="folder of radiographs")
    parser.add_argument("--rounds", type=int, default=7, help="cold starts of each")
    parser.add_argument("--count", type=int, default=100, help="images for the warm figures")
    parser.add_argument("--folder", type=int, default=1000, help="images for the folder figure")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    from fractura import load

    images = sorted(path for path in arguments.images.rglob("*") if path.is_file())
    cores = len(os.sched_getaffinity(0))
    chosen = images[:: max(1, len(images) // arguments.count)]
    # torchvision refuses truncated files.
    whole = [path for path in chosen if not load(path).warnings]
    cold_figures = cold(whole[0], arguments.rounds)
    taken = warm(whole, cores, rounds=3)
    result: dict[str, Any] = {
        "cores": cores,
        "python": platform.python_version(),
        "cold": cold_figures,
        "warm_images": len(whole),
        "warm_ms": {name: _median(values, "total") for name, values in taken.items()},
        "warm_parts_ms": {part: _median(taken["fractura"], part) for part in taken["fractura"][0]},
        "folder_images": len(images[: arguments.folder]),
        "folder_images_per_second": folder(images[: arguments.folder], cores),
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
