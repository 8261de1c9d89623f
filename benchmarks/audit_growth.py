"""How the search for near-duplicates grows: time and peak memory by the number of records.

    python benchmarks/audit_growth.py --search 1000 3000 10000 30000 100000 --whole 1000 2000 4000

``--search`` measures the three searches for candidates on simulated records: each has local
features, an outline and an embedding like those of phantoms, with noise, and one in fifty is a
noisy copy of another, which the search must name. ``--whole`` measures all of
``find_duplicates`` on that many phantoms, each bent at random; one in fifty is a turned copy.
Every size runs in a process of its own. Needs ``fractura[data]``.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.duplicates import find_duplicates
from fractura.datasets.audit.fingerprint import changed_outlines, outline
from fractura.datasets.audit.keypoints import find_features
from fractura.datasets.audit.neighbours import HEADS, elected, nearest, whitened
from fractura.datasets.audit.pictures import shrink
from fractura.imaging.phantom import make_phantom

BASES = 120
COPIES = 50
EMBEDDED = 160


def phantom_pictures() -> list[NDArray[np.uint8]]:
    """Shrunken phantoms."""
    return [
        shrink(make_phantom(seed, width=320, height=384).radiograph.pixels) for seed in range(BASES)
    ]


class Bent(Sequence[NDArray[np.uint8]]):
    """Phantoms bent at random, made when asked for; every fiftieth is a turned copy."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.bases = phantom_pictures()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> NDArray[np.uint8]:  # type: ignore[override]
        if index >= self.count:
            raise IndexError(index)
        if index % COPIES == COPIES - 1:
            picture = self[index - 1]
            height, width = picture.shape
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), 7, 0.95)
            return np.asarray(cv2.warpAffine(picture, turn, (width, height)), np.uint8)
        random = np.random.default_rng(index)
        picture = self.bases[int(random.integers(BASES))]
        height, width = picture.shape
        shift = random.normal(0, 10, (2, 5, 5)).astype(np.float32)
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        bent_x = x + cv2.resize(shift[0], (width, height), interpolation=cv2.INTER_CUBIC)
        bent_y = y + cv2.resize(shift[1], (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(cv2.remap(picture, bent_x, bent_y, cv2.INTER_LINEAR), np.uint8)


def search(count: int) -> float:
    """Run the searches on simulated records; the share of planted copies that they name."""
    pictures = phantom_pictures()
    found = [find_features(picture) for picture in pictures]
    pool = np.concatenate([item.descriptors[:HEADS] for item in found])
    pool_sizes = np.concatenate([item.sizes[:HEADS] for item in found])
    random = np.random.default_rng(0)
    chosen = random.integers(len(pool), size=(count, HEADS))
    sources = np.arange(COPIES - 1, count, COPIES)
    chosen[sources] = chosen[sources - 1]
    descriptors = pool[chosen].reshape(-1, 128)
    for start in range(0, len(descriptors), 1 << 18):
        part = descriptors[start : start + (1 << 18)]
        noise = random.integers(-9, 10, part.shape, dtype=np.int16)
        descriptors[start : start + (1 << 18)] = np.clip(part + noise, 0, 255).astype(np.uint8)
    owners = np.repeat(np.arange(count), HEADS)
    outlines = np.stack([outline(picture) for picture in pictures])
    low = outlines[random.integers(BASES, size=count)]
    low = low + random.normal(0, 0.06, low.shape).astype(np.float32)
    embeddings = random.normal(size=(count, EMBEDDED)).astype(np.float32)
    for vectors in (low, embeddings):
        vectors[sources] = vectors[sources - 1]
    low /= np.linalg.norm(low, axis=(1, 2), keepdims=True)
    near = whitened(embeddings, embeddings)
    named = [
        *elected(descriptors, pool_sizes[chosen].reshape(-1), owners),
        nearest(
            low.reshape(count, -1),
            ((variant, other.reshape(count, -1)) for variant, other in changed_outlines(low)),
            0.9,
        ),
        nearest(near, [(0, near)], 0.3),
    ]
    pairs = {tuple(sorted(row[:2])) for part in named for row in part.tolist()}
    return float(np.mean([(source - 1, source) in pairs for source in sources.tolist()]))


def whole(count: int) -> float:
    """Run ``find_duplicates`` on bent phantoms; the share of planted copies that it confirms."""
    pairs = {(pair.first, pair.second) for pair in find_duplicates(Bent(count))}
    sources = range(COPIES - 1, count, COPIES)
    return float(np.mean([(source - 1, source) in pairs for source in sources]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search", type=int, nargs="*", default=[1000, 3000, 10_000])
    parser.add_argument("--whole", type=int, nargs="*", default=[500, 1000])
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, count = arguments.one[0], int(arguments.one[1])
        start = time.perf_counter()
        recall = {"search": search, "whole": whole}[kind](count)
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak": peak, "recall": recall}))
        return
    print("| what | records | seconds | exponent | peak MB | copies found |\n" + "|---" * 6 + "|")
    for kind in ("search", "whole"):
        before: tuple[int, float] | None = None
        for count in getattr(arguments, kind):
            command = [sys.executable, __file__, "--one", kind, str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            result = json.loads(done.stdout)
            exponent = ""
            if before:
                exponent = f"{math.log(result['seconds'] / before[1], count / before[0]):.2f}"
            before = count, result["seconds"]
            print(
                f"| {kind} | {count:,} | {result['seconds']:.1f} | {exponent} "
                f"| {result['peak']:.0f} | {100 * result['recall']:.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
