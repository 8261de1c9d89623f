"""How long ``fractura evaluate`` takes, and how much memory, for many readings of another system.

Readings are drawn at random: a fifth of the cases are fractured, with one or two boxes each, every
reading has three boxes, and cases belong to patients of one to four images. The command runs in a
process of its own, which also reads the manifest and writes the scorecard, the predictions and the
report.

    python benchmarks/evaluation.py --readings 10000
    python benchmarks/evaluation.py --readings 1000000 --samples 100 --keep folder/
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.findings import Box

SIDE = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readings", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder to write to and to leave there")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = settings.keep or Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "readings.jsonl").is_file():
            make(root, settings.readings, settings.seed)
        measure(root, settings)


def make(root: Path, readings: int, seed: int) -> None:
    """Write a manifest and readings."""
    random = np.random.default_rng(seed)
    records = []
    patient = 0
    with (root / "readings.jsonl").open("w") as file:
        for number in range(readings):
            patient += random.random() < 0.4
            fractured = bool(random.random() < 0.2)
            truths = [_box(random) for _ in range(random.integers(1, 3))] if fractured else []
            records.append(_record(number, patient, truths))
            file.write(json.dumps(_reading(number, truths, random)) + "\n")
    write_manifest(root / "manifest.parquet", Manifest(tuple(records)))


def _box(random: np.random.Generator) -> list[float]:
    x, y = random.uniform(0, SIDE - 120, 2)
    width, height = random.uniform(20, 120, 2)
    return [float(x), float(y), float(x + width), float(y + height)]


def _moved(box: list[float], random: np.random.Generator) -> list[float]:
    across, down = random.normal(0, 8, 2)
    return [box[0] + across, box[1] + down, box[2] + across, box[3] + down]


def _record(number: int, patient: int, truths: list[list[float]]) -> Record:
    return Record(
        id=f"made/{number:07}.png",
        path=Path(f"images/{number:07}.png"),
        source="made",
        label="fracture" if truths else "no fracture",
        sha256=f"{number:064x}",
        patient=f"p{patient}",
        group=f"g{patient}",
        regions=(("hand", "leg", "hip", "shoulder")[patient % 4],),
        annotations=tuple(Annotation(FRACTURE, Box(*box)) for box in truths),
        width=SIDE,
        height=SIDE,
        split="test",
    )


def _reading(
    number: int, truths: list[list[float]], random: np.random.Generator
) -> dict[str, object]:
    found = [_moved(box, random) for box in truths]
    found += [_box(random) for _ in range(3 - len(found))]
    scores = np.sort(random.beta(1 + 2 * bool(truths), 4, len(found)))[::-1]
    probability = float(random.beta(3, 3) if truths else random.beta(2, 6))
    return {
        "path": f"images/{number:07}.png",
        "sha256": f"{number:064x}",
        "model": "made 1",
        "width": SIDE,
        "height": SIDE,
        "fracture": {
            "probability": round(probability, 5),
            "decision": "fracture" if probability > 0.5 else "no fracture",
        },
        "findings": [
            {"label": "fracture", "score": round(float(score), 5), "box": box}
            for score, box in zip(scores, found, strict=True)
        ],
        "region": None,
        "warnings": [],
        "milliseconds": {},
    }


def measure(root: Path, settings: argparse.Namespace) -> None:
    command = [
        sys.executable, "-m", "fractura.cli", "evaluate", str(root / "readings.jsonl"),
        str(root / "manifest.parquet"), "--out", str(root / "report"),
        "--samples", str(settings.samples),
    ]  # fmt: skip
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, command, dict(os.environ))
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "readings": settings.readings,
                "samples": settings.samples,
                "seconds": round(seconds, 1),
                "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                "peak_gib": round(usage.ru_maxrss / 2**20, 2),
                "exit_status": os.waitstatus_to_exitcode(status),
            }
        )
    )


if __name__ == "__main__":
    main()
