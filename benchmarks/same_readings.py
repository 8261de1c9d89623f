"""Are the readings of two versions of fractura the same, bit for bit?

Write the readings of the same radiographs with each version, then compare the two files:

    python benchmarks/same_readings.py write before.npz ../shared/data --images 300
    python benchmarks/same_readings.py write after.npz ../shared/data --images 300
    python benchmarks/same_readings.py compare before.npz after.npz

Probabilities, boxes, decisions, regions, warnings and heatmaps must be equal to the last bit. Exits
1 where one differs.
"""

from __future__ import annotations

import argparse
import random
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np

SUFFIXES = {".png", ".jpg", ".jpeg", ".dcm"}


def chosen(root: Path, number: int) -> list[Path]:
    """``number`` images below a folder, drawn evenly over its folders."""
    by_folder: dict[Path, list[Path]] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            by_folder.setdefault(path.parent, []).append(path)
    draw = random.Random(0)
    queues = [draw.sample(paths, len(paths)) for paths in by_folder.values()]
    found: list[Path] = []
    while len(found) < number and any(queues):
        found += [queue.pop() for queue in queues if queue]
    return sorted(found[:number])


def told(path: Path, reader) -> str:
    """Everything a reading says, as text that differs where a bit does."""
    from fractura import FracturaError, load

    try:
        reading = reader.read(load(path), heatmap=True, all_findings=True)
    except FracturaError as error:
        return f"{type(error).__name__}"
    heatmap = b"" if reading.heatmap is None else np.ascontiguousarray(reading.heatmap).tobytes()
    return repr(
        (
            reading.probability.hex(),
            reading.decision,
            reading.region,
            None if reading.region_probability is None else reading.region_probability.hex(),
            [
                (
                    finding.label,
                    finding.score.hex(),
                    [value.hex() for value in finding.box.as_list()],
                )
                for finding in reading.findings
            ],
            reading.warnings,
            sha256(heatmap).hexdigest(),
        )
    )


def write(out: Path, root: Path, number: int) -> int:
    from fractura import Reader

    reader = Reader(threads=1)
    paths = chosen(root, number)
    texts = [told(path, reader) for path in paths]
    np.savez_compressed(out, paths=[str(path.relative_to(root)) for path in paths], readings=texts)
    print(f"{len(paths)} readings written to {out}")
    return 0


def compare(one: Path, other: Path) -> int:
    first, second = np.load(one), np.load(other)
    if list(first["paths"]) != list(second["paths"]):
        print("the files hold readings of other radiographs")
        return 1
    differing = [
        path
        for path, a, b in zip(first["paths"], first["readings"], second["readings"], strict=True)
        if a != b
    ]
    print(f"{len(first['paths']) - len(differing)} of {len(first['paths'])} readings are the same")
    for path in differing[:20]:
        print(f"differs: {path}")
    return 1 if differing else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("out", type=Path)
    writing.add_argument("root", type=Path)
    writing.add_argument("--images", type=int, default=300)
    comparing = commands.add_parser("compare")
    comparing.add_argument("one", type=Path)
    comparing.add_argument("other", type=Path)
    options = parser.parse_args()
    if options.command == "write":
        return write(options.out, options.root, options.images)
    return compare(options.one, options.other)


if __name__ == "__main__":
    sys.exit(main())
