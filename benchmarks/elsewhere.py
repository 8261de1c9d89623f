"""How a model does at home and elsewhere: one table over the sources of manifests.

    python benchmarks/elsewhere.py home.parquet elsewhere.parquet --model fractura-s
    python benchmarks/elsewhere.py home.parquet --split valid --csv table.csv

Of each source: how many are evaluated, the AUROC where it has both classes, what is decided of
fractures and of normals at the model's own thresholds, boxes where they are marked, and regions
where they are known. Shares have Wilson's intervals, AUROC a bootstrap of 1,000 over groups, all
of 95 %. What is not evaluated counts as neither decision.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fractura import Reading, read_many
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.evaluation.detection import match, pooled_average_precision
from fractura.regions import REGIONS, agree

SAMPLES = 1000
Pair = tuple[Record, Reading]


def wilson(hits: int, count: int) -> str:
    """A share with its interval (Wilson 1927, doi 10.1080/01621459.1927.10502953)."""
    if not count:
        return ""
    z, share = 1.96, hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return f"{share:.3f} [{max(0.0, middle - half):.3f}, {min(1.0, middle + half):.3f}] n={count}"


def auroc(pairs: Sequence[Pair]) -> str:
    """Of fractured against normal radiographs, evaluated or not."""
    from sklearn.metrics import roc_auc_score

    known = [(record, reading) for record, reading in pairs if record.fractured is not None]
    truth = np.array([record.fractured for record, _ in known])
    if not len(truth) or truth.all() or not truth.any():
        return ""
    score = np.array([reading.probability for _, reading in known])
    groups: dict[str, list[int]] = defaultdict(list)
    for index, (record, _) in enumerate(known):
        groups[record.group or record.id].append(index)
    clusters, random, found = list(groups.values()), np.random.default_rng(0), []
    while len(found) < SAMPLES:
        drawn = random.integers(len(clusters), size=len(clusters))
        chosen = np.concatenate([clusters[place] for place in drawn])
        if 0 < truth[chosen].sum() < len(chosen):
            found.append(roc_auc_score(truth[chosen], score[chosen]))
    low, high = np.percentile(found, (2.5, 97.5))
    return f"{roc_auc_score(truth, score):.3f} [{low:.3f}, {high:.3f}] n={len(truth)}"


def boxes(pairs: Sequence[Pair]) -> dict[str, str]:
    """Average precision on radiographs with marks, and whether the best box lies on one."""
    marked = [(record, reading) for record, reading in pairs if record.fractures]
    if not marked:
        return {}
    hits = 0
    for record, reading in marked:
        best = max(reading.findings, key=lambda finding: finding.score, default=None)
        if best is not None:
            x = (best.box.x_min + best.box.x_max) / 2
            y = (best.box.y_min + best.box.y_max) / 2
            hits += any(
                mark.box.x_min <= x <= mark.box.x_max and mark.box.y_min <= y <= mark.box.y_max
                for mark in record.fractures
            )
    found = {"best box on a fracture": wilson(hits, len(marked))}
    with_normals = [pair for pair in pairs if pair[0].fractures or pair[0].fractured is False]
    for overlap in (0.3, 0.5):
        matches = [
            match(
                np.array([f.box.as_list() for f in reading.findings], float).reshape(-1, 4),
                np.array([f.score for f in reading.findings], float),
                np.array([mark.box.as_list() for mark in record.fractures], float).reshape(-1, 4),
                overlap,
            )
            for record, reading in with_normals
        ]
        value = pooled_average_precision(matches)
        found[f"AP{100 * overlap:.0f}"] = f"{value:.3f} n={len(with_normals)}"
    return found


def figures(pairs: Sequence[Pair]) -> dict[str, str]:
    """Every figure of one source."""
    decided = [reading.decision for _, reading in pairs]
    evaluated = [decision != "not evaluated" for decision in decided]
    table = {"evaluated": wilson(sum(evaluated), len(pairs)), "AUROC": auroc(pairs)}
    for name, fractured in (("fractures", True), ("normals", False)):
        own = [
            decision
            for (record, _), decision in zip(pairs, decided, strict=True)
            if record.fractured is fractured and decision != "not evaluated"
        ]
        for decision in ("no fracture", "fracture"):
            table[f"{name} called {decision}"] = wilson(own.count(decision), len(own))
    if not any(record.fractured is not None for record, _ in pairs):
        table["called no fracture"] = wilson(decided.count("no fracture"), len(decided))
    table |= boxes(pairs)
    known = [
        (record, reading)
        for (record, reading), seen in zip(pairs, evaluated, strict=True)
        if seen and record.regions and set(record.regions) <= set(REGIONS)
    ]
    said = [(record, reading) for record, reading in known if reading.region is not None]
    table["region said"] = wilson(len(said), len(known))
    right = [any(agree(r.region or "", name) for name in record.regions) for record, r in said]
    table["region or limb right"] = wilson(sum(right), len(said))
    return {name: value for name, value in table.items() if value}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("manifests", nargs="+", type=Path)
    parser.add_argument("--model", default="fractura-s")
    parser.add_argument("--split", help="only records of this split")
    parser.add_argument("--csv", type=Path, help="write the table here, too")
    asked = parser.parse_args()
    records = [
        record
        for path in asked.manifests
        for record in read_manifest(path).records
        if asked.split is None or record.split == asked.split
    ]
    paths = [record.path for record in records]
    readings = read_many(paths, asked.model, workers=1, all_findings=True)
    by_source: dict[str, list[Pair]] = defaultdict(list)
    for record, reading in zip(records, readings, strict=True):
        if isinstance(reading, Reading):
            by_source[record.source].append((record, reading))
    rows = []
    for source, pairs in by_source.items():
        print(f"\n{source}: {len(pairs)}")
        for name, value in figures(pairs).items():
            print(f"  {name:<30} {value}")
            rows.append((source, name, value))
    if asked.csv:
        with asked.csv.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("source", "figure", "value"), *rows])


if __name__ == "__main__":
    main()
