"""Make rare kinds of training images weigh as much as common ones, as data."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fractura.datasets.record import Record
from fractura.errors import FracturaError

CAP = 10
"""No image is shown more than so many times as often, or weighs more than so many times as much,
as one of the most common kind: beyond that a network learns its rare images by heart."""

TRAITS: Mapping[str, Callable[[Record], str]] = {
    "label": lambda record: record.label,
    "region": lambda record: " ".join(sorted(record.regions)) or "unknown",
    "source": lambda record: record.source,
}
"""What cells can be made of, and how it is read from a record."""

Cell = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """One kind of training image.

    Attributes:
        cell: its traits.
        records: how many images there are of it.
        before, after: their share of an epoch (copies times weight) in 0..1.
        factor: how much more each image counts than one of the most common kind.
    """

    cell: Cell
    records: int
    before: float
    after: float
    factor: float


def oversample(
    records: Sequence[Record], traits: Sequence[str]
) -> tuple[tuple[Record, ...], tuple[Balance, ...]]:
    """Set ``copies`` so that all cells have as many as the largest, at most :data:`CAP` each.

    Where the factor is no whole number, some images of the cell get one copy more, chosen by the
    hash of their id. Weights become 1. Only training records with copies change.
    """
    cells, factors = _cells(records, traits)
    copies: dict[str, int] = {}
    for cell, members in cells.items():
        whole, more = divmod(round(factors[cell] * len(members)), len(members))
        members.sort(key=lambda record: hashlib.sha256(record.id.encode()).digest())
        copies |= {record.id: whole + (rank < more) for rank, record in enumerate(members)}
    result = tuple(
        replace(record, copies=copies[record.id], weight=1.0) if record.id in copies else record
        for record in records
    )
    return result, _compare(records, result, traits)


def weigh(
    records: Sequence[Record], traits: Sequence[str]
) -> tuple[tuple[Record, ...], tuple[Balance, ...]]:
    """Set ``weight`` so that all cells weigh alike, within a factor of :data:`CAP`; the mean is 1.

    Copies become 1. Only training records with copies change.
    """
    cells, factors = _cells(records, traits)
    total = sum(map(len, cells.values()))
    scale = total / sum(factors[cell] * len(members) for cell, members in cells.items())
    weights = {
        record.id: factors[cell] * scale for cell, members in cells.items() for record in members
    }
    result = tuple(
        replace(record, copies=1, weight=weights[record.id]) if record.id in weights else record
        for record in records
    )
    return result, _compare(records, result, traits)


def _cells(
    records: Sequence[Record], traits: Sequence[str]
) -> tuple[dict[Cell, list[Record]], dict[Cell, float]]:
    """The training records of each cell, and how much more each shall count."""
    cells: dict[Cell, list[Record]] = defaultdict(list)
    for record in records:
        if record.split == "train" and record.copies:
            cells[_cell(record, traits)].append(record)
    if not cells:
        raise FracturaError("there is nothing to balance: no record is in training; split first")
    largest = max(map(len, cells.values()))
    return cells, {cell: min(CAP, largest / len(members)) for cell, members in cells.items()}


def _cell(record: Record, traits: Sequence[str]) -> Cell:
    return tuple(TRAITS[trait](record) for trait in traits)


def _compare(
    before: Sequence[Record], after: Sequence[Record], traits: Sequence[str]
) -> tuple[Balance, ...]:
    counts: dict[Cell, int] = defaultdict(int)
    mass: dict[Cell, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for pair in zip(before, after, strict=True):
        if pair[0].split == "train" and pair[0].copies:
            cell = _cell(pair[0], traits)
            counts[cell] += 1
            for index, record in enumerate(pair):
                mass[cell][index] += record.copies * record.weight
    totals = [sum(column) for column in zip(*mass.values(), strict=True)]
    least = min(after / counts[cell] for cell, (_, after) in mass.items())
    return tuple(
        Balance(
            cell,
            counts[cell],
            mass[cell][0] / totals[0],
            mass[cell][1] / totals[1],
            mass[cell][1] / counts[cell] / least,
        )
        for cell in sorted(mass)
    )
