"""No split tears a group apart, loses a record or depends on the records' order."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.grouping import SERIES_LENGTH, find_series, read_groups, with_groups
from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import LABELS, SPLITS, Record
from fractura.datasets.split import (
    SplitError,
    count_left_out,
    count_places,
    group_sizes,
    keep_official_test,
    leave_source_out,
    place,
    split_by_ratios,
    split_in_folds,
    split_officially,
)
from fractura.datasets.stratify import deal

SHARES = {"train": 0.7, "valid": 0.15, "test": 0.15}


def record(number: int, source: str = "a", **fields: object) -> Record:
    values = {"label": "fracture", **fields}
    return Record(id=f"{source}/{number:03}", path=Path(), source=source, **values)  # type: ignore


def few(names: str) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(names)


@st.composite
def manifests(draw: st.DrawFn) -> tuple[Record, ...]:
    """Records with every kind of link, and sixty single ones that share their labels."""
    linked = [
        record(
            number,
            source=draw(st.sampled_from(("a", "b"))),
            label=draw(st.sampled_from(LABELS)),
            patient=draw(few("pqr")),
            study=draw(few("stu")),
            group=draw(few("gh")),
            sha256=draw(few("xyz")),
            regions=draw(st.sampled_from(((), ("wrist",), ("hand", "wrist")))),
            order=draw(st.none() | st.integers(0, 20)),
            official_split=draw(st.sampled_from((None, *SPLITS))),
        )
        for number in range(draw(st.integers(0, 40)))
    ]
    labels = sorted({one.label for one in linked} | {"fracture"})
    alone = [record(100 + number, label=labels[number % len(labels)]) for number in range(60)]
    return tuple(linked + alone)


def check(before: tuple[Record, ...], after: tuple[Record, ...]) -> None:
    """Every record is accounted for, and no group is in two places."""
    assert [one.id for one in after] == [one.id for one in before]
    places = defaultdict(set)
    for one in after:
        if one.split is not None:
            places[one.group].add(place(one))
        assert (one.split is None) <= any(note.startswith("left out") for note in one.notes)
        assert one.label != "unknown" or one.split is None
    assert all(len(names) == 1 for names in places.values())
    left_out = sum(one.split is None for one in after)
    assert count_left_out(after).total() == left_out
    assert sum(map(Counter.total, count_places(after).values())) == len(before)


@settings(max_examples=40)
@given(manifests(), st.integers(0, 3), st.randoms())
def test_ratios(records: tuple[Record, ...], seed: int, random: object) -> None:
    records = with_groups(records, {})
    split = split_by_ratios(records, SHARES, seed)
    check(records, split)
    usable = [one for one in split if one.split]
    assert len(usable) == sum(one.label != "unknown" for one in records)
    largest = max(group_sizes(usable), default=0)
    counts = Counter(one.split for one in usable)
    for name, share in SHARES.items():
        assert abs(counts[name] - share * len(usable)) <= largest + 1e-6
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = split_by_ratios(with_groups(shuffled, {}), SHARES, seed)
    assert {one.id: one.split for one in again} == {one.id: one.split for one in split}
    labels = {one.label for one in usable}
    assert {(one.label, one.split) for one in usable} == {
        (label, name) for label in labels for name in SHARES
    }


@settings(max_examples=40)
@given(manifests(), st.integers(0, 3))
def test_folds(records: tuple[Record, ...], seed: int) -> None:
    split = keep_official_test(with_groups(records, {}))
    folded = split_in_folds(split, 3, seed)
    check(records, folded)
    for one in folded:
        assert (one.fold is not None) == (one.split == "train")
        official = one.official_split == "test" and one.label != "unknown"
        assert (one.split == "test") == official


@settings(max_examples=40)
@given(manifests())
def test_official(records: tuple[Record, ...]) -> None:
    records = with_groups(
        [replace(one, official_split=one.official_split or "test") for one in records], {}
    )
    split = split_officially(records)
    check(records, split)
    for one in split:
        assert one.split in (None, one.official_split)
        assert one.official_split != "test" or one.split == "test" or one.label == "unknown"


@settings(max_examples=40)
@given(manifests())
def test_groups_are_what_links_reach(records: tuple[Record, ...]) -> None:
    """Against the definition: whoever shares a link has the group of the other, and no one else."""
    grouped = with_groups(records, {})
    series = find_series(records)
    links = {
        one.id: {
            (name, *value)
            for name, *value in (
                ("patient", one.source, one.patient),
                ("study", one.source, one.study),
                ("group", one.group),
                ("sha256", one.sha256),
                ("series", series.get(one.id)),
            )
            if value[-1]
        }
        for one in records
    }
    reached = {one.id: {one.id} for one in records}
    for _ in range(15):
        links = {
            name: set().union(*(links[other] for other in mates)) for name, mates in reached.items()
        }
        reached = {
            name: mates | {other for other in links if links[other] & links[name]}
            for name, mates in reached.items()
        }
    assert {one.id: one.group for one in grouped} == {
        name: min(mates) for name, mates in reached.items()
    }


def test_series_are_runs_of_one_region() -> None:
    regions = ["hand", "hand", "leg", "leg", "", "hand", "hand"]
    records = [record(n, order=n, regions=(r,) if r else ()) for n, r in enumerate(regions)]
    records += [record(8, order=8, regions=("hand",)), record(9, order=9, patient="p")]
    series = find_series(reversed(records))
    names = [series.get(one.id) for one in records]
    assert names == ["a/000", "a/000", *["a/002"] * 5, "a/008", None]
    long = find_series(record(number, order=number) for number in range(SERIES_LENGTH + 2))
    assert Counter(Counter(long.values()).values()) == {SERIES_LENGTH: 1, 2: 1}


def test_official_split_without_its_leaks() -> None:
    records = with_groups(
        [
            record(0, official_split="train", patient="p"),
            record(1, official_split="valid", patient="p"),
            record(2, official_split="train", sha256="x"),
            record(3, official_split="valid", sha256="x"),
            record(4, official_split="test", sha256="x"),
            record(5, official_split="train"),
            record(6),
            record(7, official_split="test", label="unknown", group="g"),
            record(8, official_split="train", group="g"),
        ],
        {},
    )
    split = split_officially(records)
    splits = [None, "valid", None, None, "test", "train", None, None, "train"]
    assert [one.split for one in split] == splits
    assert count_left_out(split) == {
        "its group is in valid, it was in train": 2,
        "its group is in test, it was in valid": 1,
        "its source gives it no split": 1,
        "its label is unknown": 1,
    }
    assert split_officially(split) == split
    with pytest.raises(SplitError, match="b: there is no official split; use --ratios"):
        split_officially([*records, record(0, source="b")])


def test_too_few_groups_are_refused() -> None:
    records = [record(n) for n in range(5)] + [record(n + 5, label="normal") for n in range(2)]
    with pytest.raises(SplitError, match="labelled 'normal' form 2 groups, too few for 3 splits"):
        split_by_ratios(records, SHARES, 0)
    split = split_by_ratios([*records, record(9, label="normal")], SHARES, 0)
    assert Counter(one.split for one in split if one.label == "normal") == dict.fromkeys(SPLITS, 1)


def test_nothing_to_split_is_refused() -> None:
    for records in ([], [record(0, label="unknown")]):
        with pytest.raises(SplitError, match="no records with a known label"):
            split_by_ratios(with_groups(records, {}), SHARES, 0)


def test_earlier_splits_leave_no_trace() -> None:
    records = with_groups([record(number) for number in range(40)], {})
    first = split_in_folds(split_by_ratios(records, SHARES, 0), 2, 0)
    balanced = [replace(one, copies=3, weight=2.0) for one in first]
    assert split_by_ratios(balanced, SHARES, 0) == split_by_ratios(records, SHARES, 0)
    assert split_by_ratios(records, SHARES, 1) != split_by_ratios(records, SHARES, 0)


def test_strata_are_shared_out_as_well_as_by_scikit_learn() -> None:
    """Cells within 3 % of its chi-square, and the sizes of the folds closer to each other."""
    from sklearn.model_selection import StratifiedGroupKFold

    ours, theirs = np.zeros(2), np.zeros(2)
    for seed in range(5):
        random = np.random.default_rng(seed)
        sizes = random.geometric(0.2, 150)
        group = np.repeat(np.arange(150), sizes)
        cell = np.repeat(random.choice(4, 150, p=[0.4, 0.3, 0.2, 0.1]), sizes)
        counts = np.zeros((150, 5), dtype=np.int64)
        counts[:, 0] = sizes
        np.add.at(counts, (group, 1 + cell), 1)
        ours += _errors(deal(counts, [0.2] * 5, 0)[group], cell)
        part = np.empty_like(cell)
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
        for number, (_, members) in enumerate(folds.split(cell, cell, group)):
            part[members] = number
        theirs += _errors(part, cell)
    assert ours[0] < 1.03 * theirs[0]
    assert ours[1] < theirs[1]


def _errors(part: np.ndarray, cell: np.ndarray) -> tuple[float, float]:
    """Chi-square of the cells in five folds, and the worst distance from a fifth of all."""
    table = np.zeros((5, 4))
    np.add.at(table, (part, cell), 1)
    due = table.sum(axis=0) / 5
    return ((table - due) ** 2 / due).sum(), np.abs(table.sum(axis=1) - due.sum()).max()


def test_groups_file(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(b"\xef\xbb\xbfid;group\r\na/000;g\r\na/001;g\r\n")
    groups = read_groups(path)
    records = with_groups([record(number) for number in range(3)], groups)
    assert [one.group for one in records] == ["a/000", "a/000", "a/002"]
    for content, message in (
        ("id,group\na,g\na,h\n", "line 3: every id needs one group, and only one"),
        ("id,group\na,\n", "line 2"),
        ("id,group\na\n", "line 2: the line is broken"),
        ("id,set\na,b\n", "'group' is missing.*fractura data audit"),
    ):
        path.write_text(content)
        with pytest.raises(ManifestError, match=message):
            read_groups(path)
    with pytest.raises(ManifestError, match=r"1 ids .*\(the first is b\)"):
        with_groups(records, {"b": "g"})


def test_a_source_is_left_out_whole_with_all_that_shares_its_groups() -> None:
    rows = [
        ("a", "train", "g1"),
        ("a", "test", "g2"),
        ("a", "valid", None),
        ("b", "train", "g1"),
        ("b", None, "g3"),
        ("c", "train", "g3"),
    ]
    records = [
        Record(
            id=f"{source}/{number}",
            path=Path("x.png"),
            source=source,
            label="fracture",
            split=split,
            group=group,
        )
        for number, (source, split, group) in enumerate(rows)
    ]
    placed, torn = leave_source_out(records, "b")
    assert [record.split for record in placed] == [None, None, "valid", "test", "test", None]
    assert torn == 2
    with pytest.raises(SplitError, match="no source d; the manifest has a, b, c"):
        leave_source_out(records, "d")
