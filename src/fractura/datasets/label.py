"""What a table adds to a manifest's records: regions, growth plates, the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fractura.datasets.record import SPLITS, Dropped, Record
from fractura.datasets.sources.tables import read_table
from fractura.errors import FracturaError

ADDED = ("regions", "growth_plates", "split")
"""Columns that a table may have beside ``id``."""
GROWTH_PLATES = "growth_plates"
"""Where a record's ``extra`` says ``open`` or ``closed``."""
NO_SPLIT = "dropped"
"""Word of the column ``split`` for records that are in no split."""
_WORDS = {"growth_plates": ("open", "closed"), "split": (*SPLITS, NO_SPLIT)}


@dataclass(frozen=True)
class Labelled:
    """Records with what a table added.

    Attributes:
        records: all of the manifest, in its order.
        changed: how many a line of the table names.
        unknown: ids that the table names and the manifest lacks.
    """

    records: tuple[Record, ...]
    changed: int
    unknown: tuple[str, ...]


def add_labels(records: Sequence[Record], table: Path) -> Labelled:
    """Replace what the columns of a table tell; an empty cell leaves a record as it is.

    Args:
        records: of a manifest.
        table: CSV with a column ``id`` and some of :data:`ADDED`. Several regions are parted by
            semicolons.

    Raises:
        FracturaError: the table cannot be read, has none of the columns, names a record twice, or
            a cell has a word that is not known; says which line.
    """
    lines: dict[str, dict[str, str]] = {}
    for row in read_table(table, ("id",)):
        if isinstance(row, Dropped):
            raise FracturaError(f"{row.what}: {row.reason}; mend the table")
        number, cells = row
        told = {name: cells[name] for name in ADDED if cells.get(name)}
        if not set(ADDED) & cells.keys():
            raise FracturaError(
                f"{table} tells nothing that can be added; give it one of the columns "
                f"{', '.join(ADDED)}"
            )
        for name, words in _WORDS.items():
            if told.get(name, words[0]) not in words:
                raise FracturaError(
                    f"{table}, line {number}: {name} is {told[name]!r}; write "
                    f"{' or '.join(words)}, or nothing"
                )
        if cells["id"] in lines:
            raise FracturaError(
                f"{table}, line {number}: {cells['id']} stands in an earlier line, too"
            )
        lines[cells["id"]] = told
    known = {record.id for record in records}
    return Labelled(
        tuple(_added(record, lines.get(record.id, {})) for record in records),
        sum(record.id in lines for record in records),
        tuple(sorted(lines.keys() - known)),
    )


def _added(record: Record, told: dict[str, str]) -> Record:
    if "regions" in told:
        parts = [part.strip().lower() for part in told["regions"].split(";")]
        record = replace(record, regions=tuple(part for part in parts if part))
    if GROWTH_PLATES in told:
        extra = {**record.extra, GROWTH_PLATES: told[GROWTH_PLATES]}
        record = replace(record, extra=extra)
    if "split" in told:
        split = next((name for name in SPLITS if name == told["split"]), None)
        record = replace(record, split=split)
    return record
