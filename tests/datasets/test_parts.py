"""What trains is what the manifest says, and nothing that leaks or is not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fractura.datasets.manifest import ManifestError
from fractura.datasets.parts import parts_for_fractures
from fractura.datasets.record import Record


def record(number: int, **fields: object) -> Record:
    values = {"label": "fracture", "split": "train", "fold": number % 2, **fields}
    return Record(id=f"a/{number}", path=Path(), source="a", **values)  # type: ignore[arg-type]


RECORDS = [*(record(number) for number in range(4)), record(4, split="valid", fold=None)]


def ids(records: tuple[Record, ...]) -> list[str]:
    return [record.id for record in records]


def test_fold_copies_and_split_choose() -> None:
    records = [*RECORDS, record(5, copies=0), record(6, split="test"), record(8, split=None)]
    parts = parts_for_fractures(records, 0)
    assert ids(parts.train) == ["a/1", "a/3"]
    assert ids(parts.fold) == ["a/0", "a/2"]
    assert ids(parts.valid) == ["a/4"]
    assert ids(parts_for_fractures(records, None).train) == ["a/0", "a/1", "a/2", "a/3"]


@pytest.mark.parametrize("label", ["abnormal", "unknown"])
def test_a_label_that_does_not_tell_is_refused(label: str) -> None:
    with pytest.raises(ManifestError, match=rf"1 radiographs .* labelled {label}.*a/9"):
        parts_for_fractures([*RECORDS, record(9, label=label)], None)


@pytest.mark.parametrize("other", [{"split": "valid", "fold": None}, {"fold": 0}])
def test_a_group_on_both_sides_is_refused(other: dict[str, object]) -> None:
    twins = [record(11, group="g"), record(12, group="g", **other)]
    with pytest.raises(ManifestError, match="the split leaks: 1 groups"):
        parts_for_fractures([*RECORDS, *twins], 0)
    parts_for_fractures([*RECORDS, *(replace(twin, group=twin.id) for twin in twins)], 0)


@pytest.mark.parametrize("missing", ["train", "valid"])
def test_an_empty_part_is_named(missing: str) -> None:
    with pytest.raises(ManifestError, match=rf"\({missing}\)"):
        parts_for_fractures([item for item in RECORDS if item.split != missing], None)
    with pytest.raises(ManifestError, match=r"\(fold\)"):
        parts_for_fractures(RECORDS, 7)
