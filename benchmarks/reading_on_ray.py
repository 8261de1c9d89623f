"""Time ``fractura detect --ray local`` beside ``fractura detect``, on the same radiographs.

    python benchmarks/reading_on_ray.py IMAGE_FOLDER [--count 300] [--rounds 3] [--out ray.json]

Needs ``fractura[ray]`` and psutil. Every radiograph is read twice in a run. The methods take turns,
each in a process of its own; figures are medians. ``a second`` leaves out the start: it counts from
the first readings to the last, with small tasks, so that the first are soon there. ``processor ms``
is the processor time a reading in that span, of all processes and so with Ray's own share: it
depends less on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

METHODS = [(method, workers) for workers in (1, 2) for method in ("threads", "ray")]


def timed(method: str, workers: int, folder: str) -> dict[str, float]:
    """Readings a second once they flow, and the seconds of the whole process."""
    command = [sys.executable, __file__, folder, "--method", method, "--workers", str(workers)]
    start = time.perf_counter()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    whole = time.perf_counter() - start
    a_second, processor = map(float, said.split()[-2:])
    return {"a second": a_second, "processor ms": processor, "whole s": whole}


def processor_seconds() -> float:
    """Processor time so far of this process and all below it."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def threads(images: list[str], workers: int) -> tuple[float, float]:
    """As ``fractura detect --workers`` reads."""
    import cv2

    from fractura import Reader
    from fractura.batch.read_files import read_files

    cv2.setNumThreads(1)
    outcomes = read_files(Reader(threads=1), images, workers=workers)
    next(outcomes)
    start, spent = time.perf_counter(), processor_seconds()
    count = sum(1 for _ in outcomes)
    spent = processor_seconds() - spent
    return count / (time.perf_counter() - start), 1000 * spent / count


def ray(images: list[str], workers: int) -> tuple[float, float]:
    """As ``fractura detect --ray local --workers`` reads."""
    import fractura.batch.ray
    from fractura.batch.ray import BatchItem, cluster, read_with_ray, settings_for

    fractura.batch.ray.FILES_A_TASK = 16
    settings = settings_for("fractura-s", frame=None, all_findings=False)
    with cluster("local", workers):
        answers = read_with_ray(map(BatchItem, images), settings, workers)
        first = next(answers).files
        start, spent = time.perf_counter(), processor_seconds()
        for _ in answers:
            end = time.perf_counter()
        spent = processor_seconds() - spent
    # Each worker has ended its first task about when the first answer comes.
    count = len(images) - workers * first
    return count / (end - start), 1000 * spent / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="folder of radiographs")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--method", choices=("threads", "ray"), help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.method:
        images = 2 * sorted(map(str, arguments.images.iterdir()))
        print(*{"threads": threads, "ray": ray}[arguments.method](images, arguments.workers))
        return
    images = sorted(path for path in arguments.images.rglob("*") if path.is_file())
    chosen = images[:: max(1, len(images) // arguments.count)][: arguments.count]
    taken: dict[str, list[dict[str, float]]] = {}
    with TemporaryDirectory() as folder:
        for path in chosen:
            (Path(folder) / path.name).symlink_to(path.resolve())
        for _ in range(arguments.rounds):
            for method, workers in METHODS:
                figures = timed(method, workers, folder)
                taken.setdefault(f"{method} {workers}", []).append(figures)
                print(method, workers, figures, file=sys.stderr, flush=True)
    result = {
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "images": len(chosen),
        "rounds": arguments.rounds,
        "medians": {
            name: {part: float(np.median([row[part] for row in rows])) for part in rows[0]}
            for name, rows in taken.items()
        },
        "all": taken,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
