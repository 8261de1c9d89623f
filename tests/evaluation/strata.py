"""Made-up cases for tests of what is measured of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fractura.datasets.record import Annotation, Record
from fractura.evaluation.cases import Boxes, Cases, true_boxes
from fractura.findings import Box


def make_records(positive: Sequence[bool], **fields: Sequence[Any]) -> tuple[Record, ...]:
    """Records of the labels, with any further fields, one value each."""
    records = [
        Record(
            id=f"made/{index}",
            path=Path(f"{index}.png"),
            source="made",
            label="fracture" if one else "no fracture",
        )
        for index, one in enumerate(positive)
    ]
    for name, values in fields.items():
        pairs = zip(records, values, strict=True)
        records = [replace(record, **{name: value}) for record, value in pairs]
    return tuple(records)


def make_cases(
    positive: Sequence[bool],
    probability: Sequence[float],
    clusters: Sequence[int] | None = None,
    found: Boxes | None = None,
    decisions: Sequence[str] | None = None,
    **fields: Sequence[Any],
) -> Cases:
    """Cases with these answers, each its own cluster unless told."""
    records = make_records(positive, **fields)
    return Cases(
        model="made 1",
        records=records,
        positive=np.array(positive, dtype=bool),
        probability=np.array(probability, dtype=np.float64),
        clusters=np.arange(len(records)) if clusters is None else np.array(clusters),
        decisions=None if decisions is None else np.array(decisions),
        found=found,
        truths=true_boxes(records),
    )


def random_cases(seed: int, count: int, **fields: Any) -> Cases:
    """Cases of which a third is positive, ranked better than by chance, in clusters of two."""
    random = np.random.default_rng(seed)
    positive = random.random(count) < 1 / 3
    logits = random.normal(size=count) + 2 * positive - 1
    chances = 1 / (1 + np.exp(-logits))
    return make_cases(
        positive.tolist(), chances.tolist(), (np.arange(count) // 2).tolist(), **fields
    )


def fracture(*corners: float) -> Annotation:
    """A marked fracture."""
    return Annotation("fracture", Box(*corners))
