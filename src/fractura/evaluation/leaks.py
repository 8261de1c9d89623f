"""What a model has seen of the cases that it is measured on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from fractura.datasets.record import Record
from fractura.errors import FracturaError, LoadError
from fractura.imaging.identity import pixels_sha256
from fractura.imaging.load import load
from fractura.parallel import map_in_order, processors
from fractura.reading.trained_on import contents, file_mark, pixels_mark


class LeakError(FracturaError):
    """A split shares pictures or patients with what a model was trained on."""


class LeakValue(TypedDict):
    """Cases that are not new to the model: how many of how many, and why."""

    cases: int
    of: int
    reasons: Sequence[str]
    sentence: str


@dataclass(frozen=True)
class Leak:
    """Cases that are not new to the model.

    Attributes:
        ids: of the cases.
        of: number of all cases.
        reasons: how they are known, with counts.
    """

    ids: frozenset[str]
    of: int
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For every table that rests on these cases."""
        return f"the split leaks: {len(self.ids):,} of {self.of:,} cases are not new to the model"

    def as_dict(self) -> LeakValue:
        """For a scorecard."""
        return {
            "cases": len(self.ids),
            "of": self.of,
            "reasons": list(self.reasons),
            "sentence": self.sentence,
        }


_LINKS: tuple[tuple[str, Callable[[Record], Any]], ...] = (
    ("themselves {}", lambda record: record.id),
    ("byte for byte the same as radiographs {}", lambda record: record.sha256),
    (
        "of one group (picture, patient or neighbours) with radiographs {}",
        lambda record: record.group,
    ),
    (
        "of one patient with radiographs {}",
        lambda record: None if record.patient is None else (record.source, record.patient),
    ),
)


def find_leak(
    cases: Sequence[Record], seen: Sequence[Record], seen_for: str = "in training"
) -> Leak | None:
    """Look for cases that repeat what was seen, by id, bytes, group and patient.

    Args:
        cases: that are to be measured.
        seen: that the model was trained, or its thresholds were chosen, on.
        seen_for: ends "radiographs ...".

    Returns:
        ``None`` if nothing repeats. Copies that differ in a byte are known only where an audit
        has put them in one group.
    """
    found: set[str] = set()
    reasons = []
    for words, key in _LINKS:
        keys = {value for record in seen if (value := key(record)) is not None}
        new = {record.id for record in cases if key(record) in keys} - found
        if new:
            reasons.append(f"{len(new):,} {words.format(seen_for)}")
            found |= new
    return Leak(frozenset(found), len(cases), tuple(reasons)) if found else None


def seen_in_training(
    records: Sequence[Record], trained_on: Collection[str] | None, cases: Sequence[Record]
) -> list[Record]:
    """The records of a manifest that a model was trained on.

    Args:
        records: of the manifest, all of them.
        trained_on: what the model itself names. Its contents count; its ids only if it names no
            contents, since other data sets may have the same names. ``None``, as of other
            people's models, takes the manifest's training split for it.
        cases: records that are to be measured. Their pixels are looked at, too.
    """
    if trained_on is None:
        return [record for record in records if record.split == "train"]
    marks = contents(trained_on)
    if not marks:
        return [record for record in records if record.id in trained_on]
    seen = {record.id for record in records if not marks.isdisjoint(file_marks([record]))}
    left = [record for record in cases if record.id not in seen]
    with closing(map_in_order(_pixels, left, processors())) as found:
        seen |= {record.id for record, mark in zip(left, found, strict=True) if mark in marks}
    return [record for record in records if record.id in seen]


def content_marks(records: Sequence[Record]) -> set[str]:
    """The contents of records' files, for what a model was trained on; decodes them all."""
    with closing(map_in_order(_pixels, records, processors())) as found:
        return file_marks(records) | {mark for mark in found if mark is not None}


def file_marks(records: Iterable[Record]) -> set[str]:
    """As :func:`content_marks`, by the SHA-256 that a manifest has alone."""
    return {file_mark(record.sha256) for record in records if record.sha256 is not None}


def _pixels(record: Record) -> str | None:
    try:
        return pixels_mark(pixels_sha256(load(record.path).pixels))
    except LoadError:
        return None


def joined(first: Leak | None, other: Leak | None) -> Leak | None:
    """Both leaks of the same cases as one."""
    if first is None or other is None:
        return first or other
    return Leak(first.ids | other.ids, first.of, first.reasons + other.reasons)


def refuse(leak: Leak, split: str) -> LeakError:
    """What to raise where a leak is neither accepted nor left out."""
    return LeakError(
        f"no figures for split {split}, because {leak.sentence}: {'; '.join(leak.reasons)}. "
        "Leave them out with --without-leaks, split again with fractura data split, or measure "
        "all the same with --leaky, and every table will say so"
    )


def ungrouped(records: Sequence[Record]) -> str | None:
    """A sentence where nobody has looked for near-duplicates; counts are of the records given."""
    missing = Counter(record.source for record in records if record.group is None)
    if not missing:
        return None
    return (
        f"{missing.total():,} cases of {', '.join(sorted(missing))} have no group, so nobody has "
        "looked for near-duplicates and patients on both sides of the split: run fractura data "
        "audit, and fractura data split with its groups"
    )
