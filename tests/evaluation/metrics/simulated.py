"""Cases with given or drawn probabilities, without pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Record
from fractura.evaluation.cases import Cases


def cases_of(positive: Any, probability: Any, clusters: Any = None, **fields: Any) -> Cases:
    """Cases, each a cluster unless others are given."""
    labels = np.asarray(positive, dtype=bool)
    records = tuple(
        Record(
            id=f"made-up/{index}",
            path=Path(f"{index}.png"),
            source="made-up",
            label="fracture" if one else "no fracture",
        )
        for index, one in enumerate(labels)
    )
    return Cases(
        model="made up 1",
        records=records,
        positive=labels,
        probability=np.asarray(probability, dtype=np.float64),
        clusters=np.arange(len(labels)) if clusters is None else np.asarray(clusters),
        **fields,
    )


def draw(seed: int, cases: int = 200, slope: float = 1.0, clusters: int | None = None) -> Cases:
    """Labels drawn from known probabilities, whose log-odds are then divided by ``slope``."""
    random = np.random.default_rng(seed)
    logits = random.normal(-0.5, 1.8, cases)
    positive = random.random(cases) < 1 / (1 + np.exp(-logits))
    probability = 1 / (1 + np.exp(-logits / slope))
    return cases_of(
        positive, probability, None if clusters is None else random.integers(0, clusters, cases)
    )


def draw_clustered(random: np.random.Generator, clusters: int) -> Cases:
    """Two to eight cases a cluster, which share both their chance of a fracture and a shift of
    the score."""
    of = np.repeat(np.arange(clusters), random.integers(2, 9, clusters))
    shared = random.normal(0, 1, clusters)[of]
    positive = random.random(len(of)) < 1 / (1 + np.exp(0.7 - 1.2 * shared))
    logits = 1.6 * positive + 0.6 * shared + random.normal(0, 1, len(of)) - 1.3
    return cases_of(positive, 1 / (1 + np.exp(-logits)), of)


def values(figures: dict[str, Any], names: Sequence[str]) -> NDArray[np.float64]:
    """Their values alone."""
    return np.array([figures[name]["value"] for name in names], dtype=float)
