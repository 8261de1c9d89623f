"""Everything measured of one model's readings on one list of labelled radiographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.evaluation.detection import Matches, match, pooled_average_precision
from fractura.evaluation.image import auroc, brier, calibration_error, sensitivity, specificity
from fractura.evaluation.interval import Estimate, cluster_bootstrap
from fractura.findings import Reading

NEIGHBOURS = 4
"""Consecutive image numbers that are drawn together, since they are often one patient's."""


def scorecard(
    records: Sequence[Record], readings: Mapping[str, Reading], *, samples: int = 2000
) -> dict[str, Any]:
    """Figures with 95 % intervals.

    Args:
        records: what was to be read.
        readings: by record id, made with all findings listed.
        samples: bootstrap samples.

    Raises:
        FracturaError: a record has no reading, its label does not tell whether there is a
            fracture, or none (or all) of the records are fractured.
    """
    missing = [record.id for record in records if record.id not in readings]
    if missing:
        raise FracturaError(f"no reading of {missing[0]} and {len(missing) - 1} more; read them")
    if any(record.fractured is None for record in records):
        raise FracturaError("a label does not tell whether there is a fracture; leave it out")
    positive = np.array([record.fractured is True for record in records])
    if positive.all() or not positive.any():
        raise FracturaError("figures need fractured and normal radiographs; give both")
    read = [readings[record.id] for record in records]
    scores = np.array([reading.probability for reading in read])
    definite = np.array([reading.decision == "fracture" for reading in read])
    suspicious = np.array([reading.decision != "no fracture" for reading in read])
    matches = [
        match_reading(record, reading) for record, reading in zip(records, read, strict=True)
    ]
    region_known = np.array([len(record.regions) == 1 for record in records])
    region_right = np.array(
        [reading.region in record.regions for record, reading in zip(records, read, strict=True)]
    )
    names = [cluster(record) for record in records]
    number = {name: index for index, name in enumerate(dict.fromkeys(names))}
    clusters = np.array([number[name] for name in names])

    statistics = {
        "auroc": lambda n: auroc(scores, positive, n),
        "ap50": lambda n: pooled_average_precision(matches, n),
        "ap50_fractured_only": lambda n: pooled_average_precision(matches, n * positive),
        "calibration_error": lambda n: calibration_error(scores, positive, n),
        "brier": lambda n: brier(scores, positive, n),
        "high_sensitivity/sensitivity": lambda n: sensitivity(suspicious, positive, n),
        "high_sensitivity/specificity": lambda n: specificity(suspicious, positive, n),
        "high_specificity/sensitivity": lambda n: sensitivity(definite, positive, n),
        "high_specificity/specificity": lambda n: specificity(definite, positive, n),
    }
    if any(reading.region is not None for reading in read):
        statistics["region_accuracy"] = lambda n: sensitivity(region_right, region_known, n)
    figures: dict[str, Estimate] = {
        name: cluster_bootstrap(statistic, clusters, samples=samples)
        for name, statistic in statistics.items()
    }
    return {
        "images": len(records),
        "fractured": int(positive.sum()),
        "boxes": int(sum(len(record.fractures) for record in records)),
        "models": sorted({reading.model for reading in read}),
        "interval": f"95 %, cluster bootstrap, {samples} samples",
        "figures": {name: asdict(estimate) for name, estimate in figures.items()},
    }


def cluster(record: Record) -> str:
    """What is drawn together: the record's group, or its neighbours in order, or it alone."""
    if record.group is not None:
        return f"group {record.group}"
    if record.order is not None:
        return f"{record.source} {record.order // NEIGHBOURS}"
    return record.id


def match_reading(record: Record, reading: Reading, overlap: float = 0.5) -> Matches:
    """A reading's findings against the record's fractures; see ``detection.match``."""
    boxes = np.array([item.box.as_list() for item in reading.findings]).reshape(-1, 4)
    truths = np.array([mark.box.as_list() for mark in record.fractures]).reshape(-1, 4)
    scores = np.array([item.score for item in reading.findings])
    return match(boxes, scores, truths, overlap)
