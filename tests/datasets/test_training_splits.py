"""What trains is what the manifest says, and nothing that leaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Record
from fractura.datasets.training_splits import choose_splits, refuse_torn_groups


def record(number: int, **fields: object) -> Record:
    values = {"label": "fracture", "split": "train", "fold": number % 2, **fields}
    return Record(id=f"a/{number}", path=Path(), source="a", **values)  # type: ignore[arg-type]


RECORDS = [*(record(number) for number in range(4)), record(4, split="valid", fold=None)]


def ids(records: tuple[Record, ...]) -> list[str]:
    return [record.id for record in records]


def test_fold_copies_and_split_choose() -> None:
    records = [*RECORDS, record(5, copies=0), record(6, split="test"), record(8, split=None)]
    parts = choose_splits(records, 0)
    assert ids(parts.train) == ["a/1", "a/3"]
    assert ids(parts.fold) == ["a/0", "a/2"]
    assert ids(parts.valid) == ["a/4"]
    assert ids(choose_splits(records, None).train) == ["a/0", "a/1", "a/2", "a/3"]


@pytest.mark.parametrize("other", [{"split": "valid", "fold": None}, {"fold": 0}])
def test_a_group_on_both_sides_is_refused(other: dict[str, object]) -> None:
    twins = [record(11, group="g"), record(12, group="g", **other)]
    with pytest.raises(ManifestError, match="the split leaks: 1 groups"):
        choose_splits([*RECORDS, *twins], 0)
    choose_splits([*RECORDS, *(replace(twin, group=twin.id) for twin in twins)], 0)


def test_two_parts_are_named_that_share_a_group() -> None:
    parts = {"train": [record(0, group="g")], "test": [record(1, group="g")], "fold": []}
    with pytest.raises(ManifestError, match=r"several of train and test \(the first is g\)"):
        refuse_torn_groups(parts)


@pytest.mark.parametrize("missing", ["train", "valid"])
def test_an_empty_part_is_named(missing: str) -> None:
    with pytest.raises(ManifestError, match=rf"\({missing}\)"):
        choose_splits([item for item in RECORDS if item.split != missing], None)
    with pytest.raises(ManifestError, match=r"\(fold\)"):
        choose_splits(RECORDS, 7)
