"""The manifest: records of any number of sources in one table, validated and hashed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite
from typing import Any

from fractura.datasets.record import LABELS, LATERALITIES, SEXES, SPLITS, Record
from fractura.errors import FracturaError

SCHEMA_VERSION = 1

_CHOICES: dict[str, tuple[Any, ...]] = {
    "label": LABELS,
    "split": (None, *SPLITS),
    "official_split": (None, *SPLITS),
    "laterality": (None, *LATERALITIES),
    "sex": (None, *SEXES),
}
_TEXTS = (
    *("id", "source", "sha256", "licence", "patient", "study", "modality", "format", "group"),
)


class ManifestError(FracturaError):
    """A manifest is missing, of another version, or breaks the schema."""


@dataclass(frozen=True)
class Intake:
    """How a source came in: "read N, kept M, dropped K because: …".

    Attributes:
        name: the data set's name, which prefixes its ids.
        kind: the adapter that read it.
        address, licence: where it comes from, and its terms.
        read, kept: items that the source lists, and records that came of them.
        dropped: how many were left out, for each reason.
        unknown: how many of those kept have the label ``unknown``.
        remarks: how the source's words were understood.
    """

    name: str
    kind: str
    address: str
    licence: str | None
    read: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    remarks: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One line for a person."""
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in self.dropped.items())
        lost = self.read - self.kept
        because = f" because: {reasons}" if reasons else ""
        silent = f" ({self.unknown:,} of them unknown)" if self.unknown else ""
        return (
            f"{self.name}: read {self.read:,}, kept {self.kept:,}{silent}, "
            f"dropped {lost:,}{because}"
        )


@dataclass(frozen=True)
class Manifest:
    """Records with unique ids, and how their sources came in."""

    records: tuple[Record, ...]
    intakes: tuple[Intake, ...] = ()

    def __post_init__(self) -> None:
        check(self.records)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of everything the records say, apart from where their files lie.

        It does not depend on the records' order or on the file format.
        """
        digest = hashlib.sha256(f"fractura manifest {SCHEMA_VERSION}\n".encode())
        for record in sorted(self.records, key=lambda record: record.id):
            content = record.as_dict()
            del content["path"]
            digest.update(json.dumps(content, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()


def check(records: Iterable[Record]) -> None:
    """See that ids are unique and every value is one that the schema knows.

    Raises:
        ManifestError: names the first record that breaks the schema, and how.
    """
    counts = Counter(record.id for record in records)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ManifestError(f"{len(twice)} ids occur more than once, the first is {twice[0]!r}")
    for record in records:
        check_record(record)


def check_record(record: Record) -> None:
    """See that every value is one that the schema knows.

    Raises:
        ManifestError: names the record and the first value that is not.
    """
    for name, allowed in _CHOICES.items():
        value = getattr(record, name)
        if value not in allowed:
            known = ", ".join(repr(choice) for choice in allowed if choice is not None)
            raise ManifestError(f"{record.id}: {name} is {value!r}; it must be one of {known}")
    if record.id != record.id.strip():
        raise ManifestError(f"{record.path}: the id {record.id!r} begins or ends with blanks")
    for name in _TEXTS:
        text = getattr(record, name)
        if text == "":
            raise ManifestError(f"{record.id or record.path}: {name} is empty; None says nothing")
    try:
        f"{record.id} {record.path}".encode()
    except UnicodeEncodeError as error:  # on Linux a file's name may be any bytes
        raise ManifestError(f"{record.path}: the file's name is not Unicode; rename it") from error
    if record.age is not None and not 0 <= record.age <= 130:
        raise ManifestError(f"{record.id}: an age of {record.age} years is none a person reaches")
    if record.copies < 0 or not 0 <= record.weight < inf:
        raise ManifestError(f"{record.id}: copies and weight must be finite and not negative")
    for mark in record.annotations or ():
        if not all(map(isfinite, mark.box.as_list())):
            raise ManifestError(f"{record.id}: the box {mark.box.as_list()} is not finite")
