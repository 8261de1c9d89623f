"""How often a decision changes with a picture that shows the same: mirrored, padded, turned.

    python benchmarks/invariance.py elsewhere.parquet home.parquet --images 250

Radiographs are drawn evenly over the sources. Printed are, of each change: the share of decisions
that differ, of jumps between *fracture* and *no fracture*, and the 95th percentile of the change in
probability.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from fractura import Reader, load
from fractura.datasets.storage import read_manifest


def changes(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Pictures ``[H, W]`` that show the same."""
    height, width = pixels.shape
    side = round(0.25 * max(height, width))
    few = max(1, round(0.01 * max(height, width)))
    size = (max(1, round(0.8 * width)), max(1, round(0.8 * height)))
    return {
        "mirror": pixels[:, ::-1],
        "padding": np.pad(pixels, side),
        "quarter turn": np.rot90(pixels),
        "shift": np.pad(pixels, ((few, 0), (few, 0)), mode="edge")[:height, :width],
        "shrink to 0.8": cv2.resize(pixels, size, interpolation=cv2.INTER_AREA),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("manifests", nargs="+", type=Path)
    parser.add_argument("--model", default="fractura-s")
    parser.add_argument("--images", type=int, default=250)
    asked = parser.parse_args()
    by_source: dict[str, list[Path]] = defaultdict(list)
    for path in asked.manifests:
        for record in read_manifest(path).records:
            by_source[record.source].append(record.path)
    draw = random.Random(0)
    queues = [draw.sample(paths, len(paths)) for paths in by_source.values()]
    chosen: list[Path] = []
    while len(chosen) < asked.images and any(queues):
        chosen += [queue.pop() for queue in queues if queue]
    reader = Reader(asked.model, threads=1)
    differs, jumps, apart = defaultdict(int), defaultdict(int), defaultdict(list)
    for path in chosen[: asked.images]:
        radiograph = load(path)
        before = reader.read(radiograph)
        for name, pixels in changes(radiograph.pixels).items():
            changed = replace(radiograph, pixels=np.ascontiguousarray(pixels, dtype=np.float32))
            after = reader.read(changed)
            differs[name] += after.decision != before.decision
            jumps[name] += {before.decision, after.decision} == {"fracture", "no fracture"}
            apart[name].append(abs(after.probability - before.probability))
    count = len(chosen[: asked.images])
    print(f"{count} radiographs of {len(by_source)} sources")
    for name, values in apart.items():
        print(
            f"{name:<14} decision {differs[name] / count:.3f}  jumps {jumps[name] / count:.3f}  "
            f"probability {np.percentile(values, 95):.3f}"
        )


if __name__ == "__main__":
    main()
