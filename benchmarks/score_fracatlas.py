"""Score readings of FracAtlas: figures with 95 % intervals, from ``readings.jsonl`` alone.

    fractura detect FRACATLAS/images --all-findings --json > readings.jsonl
    fractura data build fracatlas FRACATLAS --out fracatlas.parquet
    fractura data audit fracatlas.parquet --out audit
    python benchmarks/score_fracatlas.py fracatlas.parquet readings.jsonl \
        --split recipes/fractura-s.split.csv --groups audit/groups.csv --out scorecard.json

The split names what the shipped model was trained on. Images of valid that share a group of the
audit with one of these are left out of the first list. The model was calibrated on valid,
so valid is also scored cross-fitted: every tenth is calibrated, and its operating points chosen,
on the other nine. Needs ``fractura[train]``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fractura.datasets.grouping import read_groups
from fractura.datasets.record import Dropped, Record
from fractura.datasets.sources.tables import read_table
from fractura.datasets.storage import read_manifest
from fractura.evaluation.scorecard import NEIGHBOURS, scorecard
from fractura.findings import Reading
from fractura.reading.calibration import OperatingPoint, OperatingPoints
from fractura.training.calibrate import fit_logistic, probability_thresholds

ROWS = {
    "auroc": "AUROC, fractured against normal images",
    "ap50": "box AP50, normals counted",
    "ap50_fractured_only": "box AP50 on fractured images alone",
    "high_sensitivity/sensitivity": "sensitivity, high-sensitivity point",
    "high_sensitivity/specificity": "specificity, high-sensitivity point",
    "high_specificity/sensitivity": "sensitivity, high-specificity point",
    "high_specificity/specificity": "specificity, high-specificity point",
    "calibration_error": "calibration error (ECE, 10 bins)",
    "brier": "Brier score",
    "region_accuracy": "region named rightly (one region in view)",
}


def markdown(cards: dict[str, Any]) -> str:
    """A table: a row a figure, a column a list of radiographs."""
    heads = [
        f"{name}: {card['images']} images, {card['fractured']} fractured, {card['boxes']} boxes"
        for name, card in cards.items()
    ]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(cards) + 1) + "|"]
    for figure, label in ROWS.items():
        values = (card["figures"][figure] for card in cards.values())
        cells = (f"{v['value']:.3f} [{v['low']:.3f}, {v['high']:.3f}]" for v in values)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cross_fitted(
    records: list[Record], readings: dict[str, Reading], parts: int = 10
) -> dict[str, Reading]:
    """Readings with probability and decision as if each tenth had not been calibrated on."""
    stored = np.array([readings[record.id].probability for record in records])
    logits = np.log(np.clip(stored, 1e-5, 1 - 1e-5)) - np.log1p(-np.clip(stored, 1e-5, 1 - 1e-5))
    fractured = np.array([record.fractured is True for record in records])
    part = np.array([(record.order or 0) // NEIGHBOURS % parts for record in records])
    changed = {}
    for index in range(parts):
        others = part != index
        weight, bias = fit_logistic(logits[others], fractured[others])
        probability = 1 / (1 + np.exp(-(weight * logits + bias)))
        suspicious, definite = probability_thresholds(probability[others], fractured[others])
        points = OperatingPoints(OperatingPoint(suspicious, 0), OperatingPoint(definite, 0))
        for position in np.flatnonzero(~others):
            value = float(probability[position])
            name = records[position].id
            changed[name] = replace(
                readings[name], probability=value, decision=points.decide(value)
            )
    return changed


def read_parts(path: Path) -> dict[str, str]:
    """The part of each id: train, fold, valid or dropped."""
    rows = (row for row in read_table(path, ("id", "part")) if not isinstance(row, Dropped))
    return {cells["id"]: cells["part"] for _, cells in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path, help="of FracAtlas")
    parser.add_argument("readings", type=Path, help="readings.jsonl, with --all-findings")
    parser.add_argument("--split", type=Path, required=True, help="id,part of the training run")
    parser.add_argument("--groups", type=Path, required=True, help="groups.csv of the audit")
    parser.add_argument("--samples", type=int, default=2000, help="bootstrap samples")
    parser.add_argument("--out", type=Path, help="write the scorecard as JSON")
    arguments = parser.parse_args()

    lines = map(json.loads, arguments.readings.read_text(encoding="utf-8").splitlines())
    by_digest = {line["sha256"]: Reading.from_dict(line) for line in lines if "error" not in line}
    records = read_manifest(arguments.manifest).records
    readings = {
        record.id: by_digest[record.sha256] for record in records if record.sha256 in by_digest
    }
    parts = read_parts(arguments.split)
    groups = read_groups(arguments.groups)
    trained = {groups[name] for name, part in parts.items() if part == "train" and name in groups}
    valid = [record for record in records if parts[record.id] == "valid"]
    clean = [record for record in valid if groups.get(record.id) not in trained]
    lists = {
        "valid without copies of training images": clean,
        "valid": valid,
        "held-out fold of train": [record for record in records if parts[record.id] == "fold"],
    }
    cards = {
        name: scorecard(chosen, readings, samples=arguments.samples)
        for name, chosen in lists.items()
    }
    refitted = cross_fitted(clean, readings)
    cards["the first, cross-fitted"] = scorecard(clean, refitted, samples=arguments.samples)
    print(markdown(cards))
    if arguments.out:
        arguments.out.write_text(json.dumps(cards, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
