"""What belongs together: connected components, and the splits that a group lies in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from fractura.datasets.audit.result import Severity
from fractura.datasets.record import SPLITS, Record

SEVERITIES: tuple[Severity, ...] = ("leak", "error", "warning", "note")
"""Worst first."""


def connect(groups: Iterable[Sequence[int]], count: int) -> list[list[int]]:
    """Merge groups of the positions 0..``count`` - 1 that share a member; both levels sorted."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    chains = [pair for group in groups for pair in pairwise(group)]
    edges = np.array(chains, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, names = connected_components(graph, directed=False)
    merged: dict[int, list[int]] = {}
    for position in np.unique(edges).tolist():
        merged.setdefault(int(names[position]), []).append(position)
    return sorted(merged.values())


def alike(records: Sequence[Record], key: Callable[[int], Hashable | None]) -> list[list[int]]:
    """Groups of two or more positions of records with one key; ``None`` belongs to no group."""
    groups: dict[Hashable, list[int]] = {}
    for position in range(len(records)):
        value = key(position)
        if value is not None:
            groups.setdefault(value, []).append(position)
    return [group for group in groups.values() if len(group) > 1]


def splits_of(records: Iterable[Record]) -> dict[str, int]:
    """How many of the records lie in each split; those in none are not counted."""
    counts = Counter(record.split for record in records)
    return {split: counts[split] for split in SPLITS if counts[split]}


def folds_of(records: Iterable[Record]) -> dict[str, int]:
    """How many of the records lie in each cross-validation fold."""
    counts = Counter(record.fold for record in records)
    return {f"fold {fold}": counts[fold] for fold in sorted(counts, key=str) if fold is not None}


def places_of(records: Sequence[Record]) -> dict[str, int]:
    """The splits, or else the folds, that must not share anything and yet share these records.

    Empty where all of them lie in one split and one fold.
    """
    for counts in (splits_of(records), folds_of(records)):
        if len(counts) > 1:
            return counts
    return {}


def listed(counts: dict[str, int]) -> str:
    """``"train (3) and test (1)"``."""
    parts = [f"{name} ({count:,})" for name, count in counts.items()]
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def plural(count: int, noun: str) -> str:
    """``"1 file"``, ``"1,200 files"``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
