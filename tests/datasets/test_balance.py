"""Cells of the training records come to weigh alike, and nothing else changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.datasets.balance import CAP, oversample, weigh
from fractura.datasets.record import LABELS, SPLITS, Record
from fractura.errors import FracturaError


def record(number: int, **fields: object) -> Record:
    values = {"label": "fracture", "split": "train", **fields}
    return Record(id=f"a/{number}", path=Path(), source="a", **values)  # type: ignore[arg-type]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LABELS),
            st.sampled_from((None, "train", "train", "valid", "test")),
            st.sampled_from(((), ("hand",), ("wrist", "hand"))),
            st.integers(0, 3),
        ),
        max_size=80,
    ),
    st.randoms(),
)
def test_cells_weigh_alike(rows: list[tuple], random: object) -> None:
    fields = ("label", "split", "regions", "copies")
    records = [record(100, copies=1)] + [
        record(number, **dict(zip(fields, row, strict=True))) for number, row in enumerate(rows)
    ]
    train = {one.id for one in records if one.split == "train" and one.copies}
    sizes = Counter((one.label, one.regions) for one in records if one.id in train)
    largest = max(sizes.values())
    for method in (oversample, weigh):
        after, cells = method(records, ("label", "region"))
        mass: Counter[tuple] = Counter()
        for one, other in zip(records, after, strict=True):
            if one.id not in train:
                assert other == one
                continue
            assert replace(other, copies=one.copies, weight=one.weight) == one
            mass[one.label, one.regions] += other.copies * other.weight
        unit = mass[max(sizes, key=sizes.__getitem__)] / largest
        for cell, size in sizes.items():
            assert mass[cell] / unit == pytest.approx(min(largest, CAP * size))
        assert sum(cell.after for cell in cells) == pytest.approx(1)
        assert sum(cell.before for cell in cells) == pytest.approx(1)
        assert sum(cell.records for cell in cells) == len(train)
        shuffled = list(after)
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        assert set(map(_key, method(shuffled, ("label", "region"))[0])) == set(map(_key, after))
    assert sum(one.weight for one in after if one.id in train) == pytest.approx(len(train))


def _key(one: Record) -> tuple[str, int, float]:
    return one.id, one.copies, round(one.weight, 9)


def test_exact_copies_and_weights() -> None:
    records = [record(number, label="normal") for number in range(5)]
    records += [record(5), record(6), record(7, split="valid", copies=4, weight=9.0)]
    copied, cells = oversample(records, ("label",))
    assert sorted(one.copies for one in copied) == [1, 1, 1, 1, 1, 2, 3, 4]
    assert [(cell.cell, cell.records, cell.after) for cell in cells] == [
        (("fracture",), 2, 0.5),
        (("normal",), 5, 0.5),
    ]
    weighed, _ = weigh(copied, ("label",))
    assert [one.weight for one in weighed] == pytest.approx([0.7] * 5 + [1.75] * 2 + [9.0])
    assert [one.copies for one in weighed] == [1] * 7 + [4]
    assert oversample(weighed, ("label",))[0] == copied


def test_nothing_in_training_is_refused() -> None:
    for split in (None, *SPLITS[1:]):
        with pytest.raises(FracturaError, match="no record is in training; split first"):
            weigh([record(0, split=split)], ("label",))
