"""Figures of each kind of case, so that a good mean hides no bad part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Record
from fractura.evaluation.cases import Cases, Level
from fractura.evaluation.classification import THRESHOLD
from fractura.evaluation.detection import best_of_each_case, match_pairs, pairs_of
from fractura.evaluation.interval import estimate
from fractura.evaluation.metrics.boxes import SIZES, rankable, ranks_by_id
from fractura.evaluation.ranked_boxes import RankedBoxes

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ENOUGH = 20
"""Cases of each class that a figure rests on, at least, to be compared with other subgroups'."""

MOST_VALUES = 20
"""Subgroups of one attribute; the largest are kept."""

OVERLAP = 0.5

_AGES = ((0, 9), (10, 17), (18, 39), (40, 64))
_NEEDS = {"auroc": (0, 1), "sensitivity": (1,), "specificity": (0,), "ap50": (0, 1)}
"""The classes that a figure rests on."""


@dataclass(frozen=True, eq=False)
class _Subgroup:
    """Some of the cases; ``against_all``: its positives, with the negatives of all subgroups."""

    attribute: str
    value: str
    members: Flags
    against_all: bool = False


def subgroups(cases: Cases, *, samples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Figures of the cases that have an attribute in common, and the worst of them.

    A radiograph with two regions or views in view belongs to both. Records that do not tell an
    attribute form no subgroup, nor does a value that all cases share. How large the largest
    fracture is and how many are marked is known of positives alone, so these are held against all
    negatives. Studies and patients are divided by what all of their images share.

    Args:
        cases: to be divided.
        samples: bootstrap samples of a subgroup's own clusters.
        seed: of the bootstrap.

    Returns:
        ``subgroups`` and ``worst_subgroups`` of a scorecard, and ``notes`` about both.
        Sensitivity, specificity and ``flagged`` (the share called) are at the model's own decision
        with every doubt called, or else at a probability of 0.5. The worst are looked for among
        the subgroups with at least 20 cases of each class that the figure rests on.
    """
    found, notes = _divide(cases)
    called = _called(cases)
    notes.append(
        "Sensitivity, specificity and the share flagged are at the model's own decision: what is "
        "not called no fracture is flagged."
        if cases.decisions is not None
        else f"Sensitivity, specificity and the share flagged are at a probability of {THRESHOLD}."
    )
    pairs = [(one, _measure(cases, one, called, samples, seed)) for one in found]
    notes += _gaps(pairs)
    worst = _worst(pairs, cases, notes)
    return {
        "subgroups": [_entry(one, cases, figures) for one, figures in pairs],
        "worst_subgroups": worst,
        "notes": notes,
    }


def _called(cases: Cases) -> Flags:
    flagged = cases.flagged
    return cases.probability >= THRESHOLD if flagged is None else flagged


Values = Callable[[Record], Iterable[str]]


def _one(value: object) -> tuple[str, ...]:
    return () if value is None else (str(value),)


def _yes_or_no(value: bool | None) -> tuple[str, ...]:
    return () if value is None else ("yes" if value else "no",)


def _age(record: Record) -> Iterable[str]:
    if record.age is None:
        return ()
    return (next((f"{low}–{high}" for low, high in _AGES if record.age < high + 1), "65 and over"),)


_OF_PATIENTS: Mapping[str, Values] = {
    "source": lambda record: (record.source,),
    "sex": lambda record: _one(record.sex),
    "age": _age,
}
_OF_STUDIES: Mapping[str, Values] = {
    "region": lambda record: set(record.regions),
    "side": lambda record: _one(record.laterality),
    "hardware": lambda record: _yes_or_no(record.hardware),
    "cast": lambda record: _yes_or_no(record.cast),
    "follow-up": lambda record: _yes_or_no(record.follow_up),
}
_OF_IMAGES: Mapping[str, Values] = {
    "view": lambda record: set(record.views),
    "several views in one image": lambda record: [
        {"0": "no", "1": "yes"}[value]
        for value in _one(record.extra.get("multiscan"))
        if value in ("0", "1")
    ],
}


def _attributes(records: Sequence[Record], level: Level) -> dict[str, Values]:
    found = dict(_OF_PATIENTS)
    if level != "patient":
        found |= _OF_STUDIES
    if level == "image":
        found |= {**_OF_IMAGES, "image size": _image_size(records)}
    return found


def _image_size(records: Sequence[Record]) -> Values:
    """Thirds of the longer sides, or the sides themselves where there are three at most."""
    sides = np.array([side for record in records if (side := _longer_side(record)) is not None])
    distinct = np.unique(sides)
    edges = distinct[:-1] if len(distinct) <= 3 else np.unique(np.quantile(sides, [1 / 3, 2 / 3]))
    names = [f"{side:,} px" for side in distinct] if len(distinct) <= 3 else _ranges(edges)

    def value(record: Record) -> Iterable[str]:
        side = _longer_side(record)
        return () if side is None else (names[int(np.searchsorted(edges, side))],)

    return value


def _longer_side(record: Record) -> int | None:
    return max(record.width, record.height) if record.width and record.height else None


def _ranges(edges: NDArray[Any]) -> list[str]:
    whole = [f"{int(edge):,}" for edge in edges]
    between = [f"over {low} to {high} px" for low, high in pairwise(whole)]
    return [f"to {whole[0]} px", *between, f"over {whole[-1]} px"]


def _largest(record: Record) -> Iterable[str]:
    if not record.fractures or not record.width or not record.height:
        return ()
    area = max(mark.box.width * mark.box.height for mark in record.fractures)
    share = area / (record.width * record.height)
    name = next((name for name, (_, high) in SIZES.items() if share < high), [*SIZES][-1])
    low, high = (f"{100 * edge:g} %" for edge in SIZES[name])
    return (f"{low} to {high} ({name})",)


def _marked(record: Record) -> Iterable[str]:
    count = len(record.fractures)
    return (str(count) if count < 3 else "3 and more",) if count else ()


_OF_POSITIVES: Mapping[str, Values] = {
    "largest fracture, share of the image": _largest,
    "fractures marked": _marked,
}


def _divide(cases: Cases) -> tuple[list[_Subgroup], list[str]]:
    found, notes = [], []
    silent: dict[str, int] = {}
    alike = []
    for attribute, values in _attributes(cases.records, cases.level).items():
        members, unknown = _members(cases.records, values)
        if len(members) == 1 and unknown == 0:
            alike.append(f"{attribute} ({next(iter(members))})")
            continue
        if unknown:
            silent[attribute] = unknown
        found += [_Subgroup(attribute, value, of) for value, of in members.items()]
    if cases.level == "image" and cases.truths is not None:
        for attribute, values in _OF_POSITIVES.items():
            members, _ = _members(cases.records, values)
            unknown = int(cases.positive.sum())
            for value, of in members.items():
                positive = of & cases.positive
                unknown -= int(positive.sum())
                if positive.any():
                    chosen = positive | ~cases.positive
                    found.append(_Subgroup(attribute, value, chosen, against_all=True))
            if unknown:
                silent[f"{attribute} (of positives)"] = unknown
    if any(one.against_all for one in found):
        notes.append(
            "By the size and the number of marked fractures, positives are held against all "
            "negatives, which are counted among the cases."
        )
    if alike:
        notes.append(f"All cases are alike in {', '.join(alike)}.")
    if silent:
        counts = ", ".join(f"{name} {count:,}" for name, count in silent.items())
        notes.append(f"Cases whose record does not tell an attribute form no subgroup: {counts}.")
    return found, notes


def _members(records: Sequence[Record], values: Values) -> tuple[dict[str, Flags], int]:
    """Which cases have each value, in the order of its words, and how many have none."""
    places: dict[str, list[int]] = {}
    unknown = 0
    for index, record in enumerate(records):
        of = tuple(values(record))
        unknown += not of
        for value in of:
            places.setdefault(value, []).append(index)
    largest = sorted(places, key=lambda value: -len(places[value]))[:MOST_VALUES]
    members = {}
    for value in sorted(largest, key=_reading_order):
        members[value] = np.zeros(len(records), dtype=bool)
        members[value][places[value]] = True
    return members, unknown


def _reading_order(value: str) -> tuple[int, float, str]:
    """Least first: "to" and "under" before numbers, these by size, before "over" and words."""
    first, *_ = value.replace(",", "").replace("–", " ").split()
    if first in ("to", "under"):
        return 0, 0.0, value
    try:
        return 1, float(first), value
    except ValueError:
        return 2, 0.0, value


def _measure(
    cases: Cases, subgroup: _Subgroup, called: Flags, samples: int, seed: int
) -> dict[str, Any]:
    own = cases.of(np.flatnonzero(subgroup.members))
    flagged = called[subgroup.members]
    positive = own.positive
    area = _Area(own.probability, positive)
    table = np.stack([positive, ~positive, positive & flagged, ~positive & ~flagged, flagged], 1)
    table = table.astype(np.float64)
    boxed = cases.found is not None and cases.truths is not None
    pool, comparable = _pool(own), _comparable(own)

    def measure(counts: Floats) -> dict[str, Floats]:
        ones, zeros, found, passed, marked = (counts @ table).T
        with np.errstate(invalid="ignore"):
            figures = {
                "auroc": area.measure(counts),
                "sensitivity": found / ones,
                "specificity": passed / zeros,
                "flagged": marked / (ones + zeros),
            }
        if boxed:
            figures["ap50"] = np.full(len(counts), np.nan)
        if pool is not None:
            figures["ap50"] = pool.average_precision(counts * comparable)[OVERLAP]
        return figures

    resting = {
        "auroc": len(own),
        "sensitivity": int(positive.sum()),
        "specificity": int((~positive).sum()),
        "flagged": len(own),
    }
    if boxed:
        resting["ap50"] = int(comparable.sum())
    figures: dict[str, Any] = {**estimate(measure, own.clusters, samples, seed, resting)}
    if subgroup.against_all:
        figures |= dict.fromkeys(("specificity", "flagged"))
    return figures


class _Area:
    """Area under the receiver operating characteristic of many bootstrap samples; ties count half.

    As :class:`fractura.evaluation.ranking.Ranking`, without the average precision, which takes
    most of the time there.
    """

    def __init__(self, scores: Floats, positive: Flags) -> None:
        self._ones, zeros = np.flatnonzero(positive), np.flatnonzero(~positive)
        self._zeros = zeros[np.argsort(scores[zeros], kind="stable")]
        ranked = scores[self._zeros]
        self._below = np.searchsorted(ranked, scores[self._ones], side="left")
        self._not_above = np.searchsorted(ranked, scores[self._ones], side="right")

    def measure(self, counts: Floats) -> Floats:
        """``[s]`` for counts ``[s, n]``; ``nan`` where only one class counts."""
        ones = counts[:, self._ones]
        zeros = np.zeros((len(counts), len(self._zeros) + 1))
        np.cumsum(counts[:, self._zeros], axis=1, out=zeros[:, 1:])
        won = np.einsum("sn,sn->s", ones, zeros[:, self._below])
        won = (won + np.einsum("sn,sn->s", ones, zeros[:, self._not_above])) / 2
        with np.errstate(invalid="ignore"):
            return np.asarray(won / (ones.sum(axis=1) * zeros[:, -1]))


def _pool(cases: Cases) -> RankedBoxes | None:
    if cases.found is None or cases.truths is None or not rankable(cases.found):
        return None
    found, truths = best_of_each_case(cases.found), cases.truths
    matching = match_pairs(found, truths, pairs_of(found, truths), len(cases), (OVERLAP,))
    return RankedBoxes(matching, ranks_by_id(cases))


def _comparable(cases: Cases) -> Flags:
    """Cases whose boxes can be compared, as :func:`figures.boxes.comparable` has it."""
    silent = np.array([record.annotations is None for record in cases.records], dtype=bool)
    return ~(silent & cases.positive)


def _entry(subgroup: _Subgroup, cases: Cases, figures: Mapping[str, Any]) -> dict[str, Any]:
    boxes = None
    if cases.truths is not None:
        boxes = int(subgroup.members[cases.truths.case].sum())
    return {
        "attribute": subgroup.attribute,
        "value": subgroup.value,
        "cases": int(subgroup.members.sum()),
        "positives": int(cases.positive[subgroup.members].sum()),
        "boxes": boxes,
        "figures": dict(figures),
    }


def _gaps(pairs: Sequence[tuple[_Subgroup, Mapping[str, Any]]]) -> list[str]:
    """Sentences about figures that are not defined, or whose interval misleads."""
    notes = []
    empty = sum(figures["auroc"]["value"] is None for _, figures in pairs)
    if empty:
        notes.append(
            f"An AUROC needs both classes, and subgroups of one class have none: {empty:,}."
        )
    if any(
        figure is not None and figure["value"] is not None and figure["low"] == figure["high"]
        for _, figures in pairs
        for figure in figures.values()
    ):
        notes.append(
            "An interval of no width says that all cases of the subgroup went one way, not that "
            "others would; of n independent ones up to 3 / n may still go the other way."
        )
    return notes


def _worst(
    pairs: Sequence[tuple[_Subgroup, Mapping[str, Any]]], cases: Cases, notes: list[str]
) -> dict[str, Any]:
    worst: dict[str, Any] = {}
    compared = 0
    for name, classes in _NEEDS.items():
        candidates = [
            (one, figures[name])
            for one, figures in pairs
            if figures.get(name) is not None
            and figures[name]["value"] is not None
            and all(
                (cases.positive[one.members] == bool(label)).sum() >= ENOUGH for label in classes
            )
        ]
        if candidates:
            subgroup, figure = min(candidates, key=lambda item: float(item[1]["value"]))
            worst[name] = {
                "attribute": subgroup.attribute,
                "value": subgroup.value,
                "figure": figure,
                "of": len(candidates),
            }
            compared = max(compared, len(candidates))
    if worst:
        notes.append(
            f"The worst are looked for among subgroups with at least {ENOUGH} cases of each class "
            f"that a figure rests on, {compared:,} at most. No interval is corrected for so many "
            "comparisons: of 20 intervals one misses its true value by chance, and the worst of "
            "several small subgroups looks worse than it is."
        )
    else:
        notes.append(
            f"No subgroup has {ENOUGH} cases of a class that a figure rests on, so none is named "
            "as the worst."
        )
    return worst
