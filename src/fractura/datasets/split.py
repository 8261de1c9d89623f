"""Share records out to training, validation and test without tearing a group apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fractura.datasets.record import SPLITS, Label, Record, Split
from fractura.datasets.stratify import deal
from fractura.errors import FracturaError

LEFT_OUT = "left out"
_NOTE = "left out of the split: "
_UNKNOWN = "its label is unknown"
_SILENT = "its source gives it no split"


class SplitError(FracturaError):
    """Records cannot be split as asked."""


def split_by_ratios(
    records: Sequence[Record], shares: Mapping[Split, float], seed: int
) -> tuple[Record, ...]:
    """Whole groups to splits, so that each label, source and region is shared out alike.

    Which group goes where depends on the records and the seed, not on the records' order. The
    size of every split is within one largest group of what is due to it.

    Args:
        records: with their groups (:func:`fractura.datasets.grouping.with_groups`). Those whose
            label is unknown stay in no split, with a note.
        shares: of the records for each split, more than 0; they are scaled to a sum of 1.

    Raises:
        SplitError: there is no such record, or a label has fewer groups than there are splits.
    """
    usable = [record for record in records if record.label != "unknown"]
    splits = list(shares)
    parts = _deal(usable, [shares[split] for split in splits], seed, "splits")
    placed: dict[str, Split | str] = {name: splits[part] for name, part in parts.items()}
    return _placed(records, {record.id: _UNKNOWN for record in records} | placed)


def leave_source_out(records: Sequence[Record], source: str) -> tuple[tuple[Record, ...], int]:
    """Every record of a source to the test split, and every other out of it.

    Records of other sources stay where they are, but in no split if they were in the test split
    or share a group with the source.

    Args:
        records: that have been split.
        source: its name.

    Returns:
        The records, and how many of other sources were left out for their group.

    Raises:
        SplitError: there is no such source.
    """
    if source not in {record.source for record in records}:
        names = ", ".join(sorted({record.source for record in records}))
        raise SplitError(f"there is no source {source}; the manifest has {names}")
    groups = {record.group for record in records if record.source == source and record.group}
    placed, torn = [], 0
    for record in records:
        if record.source == source:
            placed.append(replace(record, split="test"))
            continue
        shares = record.group in groups
        torn += shares and record.split is not None
        split = None if shares or record.split == "test" else record.split
        placed.append(replace(record, split=split))
    return tuple(placed), torn


def split_officially(records: Sequence[Record]) -> tuple[Record, ...]:
    """The sources' own splits, without what they leak.

    A record of training whose group is also in validation or test stays in no split, and so does
    one of validation whose group is in test. A note says so.

    Raises:
        SplitError: a source has no split of its own.
    """
    if not records:
        raise SplitError("the manifest has no records, so there is nothing to split")
    sources = {record.source for record in records}
    silent = sorted(sources - {record.source for record in records if record.official_split})
    if silent:
        raise SplitError(
            f"{', '.join(silent)}: there is no official split; use --ratios, or split the sources "
            "one by one and build them into one manifest afterwards"
        )
    return _placed(
        records, _without_leaks(records, {record.id: record.official_split for record in records})
    )


def keep_official_test(records: Sequence[Record]) -> tuple[Record, ...]:
    """Test is what the sources call so; everything else is training, but for what would leak."""
    wanted: dict[str, Split | None] = {
        record.id: "test" if record.official_split == "test" else "train" for record in records
    }
    return _placed(records, _without_leaks(records, wanted))


def split_in_folds(records: Sequence[Record], folds: int, seed: int) -> tuple[Record, ...]:
    """Number the records of training from fold 0, whole groups at a time, shares alike.

    In run *i* of a cross-validation fold *i* validates and the others train.

    Args:
        records: split already, with their groups.
        folds: at least 2.

    Raises:
        SplitError: training is empty, or a label has fewer groups in it than there are folds.
    """
    training = [record for record in records if record.split == "train"]
    parts = _deal(training, [1.0] * folds, seed, "folds")
    return tuple(replace(record, fold=parts.get(record.id)) for record in records)


def place(record: Record) -> str:
    """Where a record went: ``"fold 2"``, a split, or :data:`LEFT_OUT`."""
    if record.fold is not None:
        return f"fold {record.fold}"
    return record.split or LEFT_OUT


def count_places(records: Iterable[Record]) -> dict[tuple[str, Label], Counter[str]]:
    """How many records of each source and label went to each place, in alphabetical order."""
    counts: dict[tuple[str, Label], Counter[str]] = defaultdict(Counter)
    for record in records:
        counts[record.source, record.label][place(record)] += 1
    return dict(sorted(counts.items()))


def count_left_out(records: Iterable[Record]) -> Counter[str]:
    """How many records are in no split, for each reason."""
    return Counter(
        note.removeprefix(_NOTE)
        for record in records
        for note in record.notes
        if record.split is None and note.startswith(_NOTE)
    )


def group_sizes(records: Iterable[Record]) -> Counter[int]:
    """How many groups there are of each size."""
    return Counter(Counter(record.group for record in records).values())


def _deal(
    records: Sequence[Record], shares: Sequence[float], seed: int, kind: str
) -> dict[str, int]:
    """The number of the part that each record's group goes to."""
    if not records:
        raise SplitError(
            f"there are no records with a known label to share out to {kind}; "
            "build the manifest with labels"
        )
    members: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda record: record.id):
        members[record.group or record.id].append(record)
    _check_labels(members.values(), len(shares), kind)
    names = sorted({name for record in records for name in _strata(record)})
    column = {name: index for index, name in enumerate(names)}
    counts = np.zeros((len(members), len(names)), dtype=np.int64)
    for row, group in zip(counts, members.values(), strict=True):
        for record in group:
            row[[column[name] for name in _strata(record)]] += 1
    labels = [index for name, index in column.items() if len(name) == 1]
    total = sum(shares)
    parts = deal(counts, [share / total for share in shares], seed, everywhere=labels)
    return {
        record.id: int(part)
        for part, group in zip(parts, members.values(), strict=True)
        for record in group
    }


def _strata(record: Record) -> list[tuple[str, ...]]:
    """What is to be shared out alike, from the whole to the smallest cell."""
    cell = (record.label, record.source, " ".join(sorted(record.regions)))
    return [cell[:length] for length in range(4)]


def _check_labels(groups: Iterable[Sequence[Record]], needed: int, kind: str) -> None:
    having = Counter(label for group in groups for label in {record.label for record in group})
    for label, count in sorted(having.items()):
        if count < needed:
            raise SplitError(
                f"the images labelled {label!r} form {count} group{'s' * (count > 1)}, "
                f"too few for {needed} {kind}; "
                f"ask for fewer {kind}, or leave that label out of the manifest"
            )


def _without_leaks(
    records: Sequence[Record], wanted: Mapping[str, Split | None]
) -> dict[str, Split | str]:
    """For each id the split, or the reason why it gets none."""
    held: dict[str | None, set[Split | None]] = defaultdict(set)
    for record in records:
        if record.label != "unknown":
            held[record.group].add(wanted[record.id])
    placed: dict[str, Split | str] = {}
    for record in records:
        split = wanted[record.id]
        later = SPLITS[SPLITS.index(split) + 1 :] if split else ()
        leak = next((other for other in later if other in held[record.group]), None)
        placed[record.id] = (
            _UNKNOWN
            if record.label == "unknown"
            else f"its group is in {leak}, it was in {split}"
            if leak
            else split or _SILENT
        )
    return placed


def _placed(records: Iterable[Record], placed: Mapping[str, Split | str]) -> tuple[Record, ...]:
    """The records in their splits, without the folds and the balance of an earlier one."""
    result = []
    for record in records:
        outcome = placed[record.id]
        split = next((split for split in SPLITS if split == outcome), None)
        notes = tuple(note for note in record.notes if not note.startswith(_NOTE))
        if split is None:
            notes = (*notes, _NOTE + outcome)
        fresh = replace(record, copies=min(record.copies, 1), weight=1.0)
        result.append(replace(fresh, split=split, fold=None, notes=notes))
    return tuple(result)
