"""Which records may show one patient or one picture, and so must stay together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fractura.datasets.audit.grouping import connect
from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Dropped, Record
from fractura.datasets.sources.source import SourceError
from fractura.datasets.sources.tables import read_table

SERIES_LENGTH = 32
"""Records in a row, at most, that are taken for one patient where nothing tells them apart."""


def read_groups(path: Path) -> dict[str, str]:
    """The group of each id in a CSV file with columns ``id`` and ``group`` (an audit writes one).

    Raises:
        ManifestError: the file is missing, lacks a column or a value, or names an id twice.
    """
    groups: dict[str, str] = {}
    try:
        for item in read_table(path, ("id", "group")):
            if isinstance(item, Dropped):
                raise ManifestError(f"{item.what}: the line is broken; write it as id,group")
            line, row = item
            if not all(row.values()) or groups.setdefault(row["id"], row["group"]) != row["group"]:
                raise ManifestError(
                    f"{path}, line {line}: every id needs one group, and only one; correct the line"
                )
    except SourceError as error:
        raise ManifestError(f"{error}; fractura data audit writes a file of groups") from error
    return groups


def with_groups(records: Sequence[Record], joined: Mapping[str, str]) -> tuple[Record, ...]:
    """The records, each with its group: whatever is linked, directly or through others.

    Linked are records of one patient or study of a source, of one group that the source or
    ``joined`` names, with one SHA-256, and of one :func:`series <find_series>`. A group is called
    after the first of its ids.

    Args:
        joined: a group for some of the ids.

    Raises:
        ManifestError: ``joined`` has ids that no record has.
    """
    strangers = sorted(set(joined) - {record.id for record in records})
    if strangers:
        raise ManifestError(
            f"the groups name {len(strangers):,} ids that the manifest does not have (the first is "
            f"{strangers[0]}); take the groups from an audit of this manifest"
        )
    series = find_series(records)
    linked: dict[Hashable, list[int]] = defaultdict(list)
    for position, record in enumerate(records):
        for link in _links(record, joined, series):
            linked[link].append(position)
    names = [record.id for record in records]
    for members in connect(linked.values(), len(records)):
        name = min(names[member] for member in members)
        for member in members:
            names[member] = name
    return tuple(replace(record, group=name) for record, name in zip(records, names, strict=True))


def find_series(records: Iterable[Record]) -> dict[str, str]:
    """The first id of the series of each record without a patient that has a place in an order.

    A series is a run of consecutive ``order`` of one source in which every two neighbours have a
    region in common, or one of them does not say. It ends after :data:`SERIES_LENGTH` records.

    In FracAtlas, which names no patients, neighbours with a region in common agree in their label
    far more than records two apart (phi 0.81 against 0.63); neighbours without one do not (0.46
    against 0.42): where the region changes, so does the patient.
    """
    ordered: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.order is not None and record.patient is None:
            ordered[record.source].append(record)
    series: dict[str, str] = {}
    for run in ordered.values():
        run.sort(key=lambda record: (record.order, record.id))
        before, name, length = run[0], run[0].id, 0
        for record in run:
            if length == SERIES_LENGTH or not _are_neighbours(before, record):
                name, length = record.id, 0
            series[record.id], before, length = name, record, length + 1
    return series


def _are_neighbours(one: Record, other: Record) -> bool:
    silent = not one.regions or not other.regions
    close = (other.order or 0) - (one.order or 0) <= 1
    return close and (silent or not set(one.regions).isdisjoint(other.regions))


def _links(
    record: Record, joined: Mapping[str, str], series: Mapping[str, str]
) -> Iterator[Hashable]:
    for name, value in (
        ("patient", record.patient and (record.source, record.patient)),
        ("study", record.study and (record.source, record.study)),
        ("group", record.group),
        ("sha256", record.sha256),
        ("joined", joined.get(record.id)),
        ("series", series.get(record.id)),
    ):
        if value:
            yield name, value
