"""Labelled radiographs beside what one model said of them, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Outline, Record
from fractura.errors import FracturaError

Level = Literal["image", "study", "patient"]

NEIGHBOURS = 4
"""Consecutive image numbers that are drawn together, since they are often one patient's."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes in many radiographs.

    Attributes:
        case: index of the case of each box, ``[m]``, never falling.
        corners: ``[m, 4]``: x_min, y_min, x_max, y_max in pixels of the source image.
        scores: ``[m]``, falling within a case; 1 for true boxes.
        outlines: polygons of each box, ``[m]``; ``None`` where there are only boxes.
    """

    case: NDArray[np.int64]
    corners: NDArray[np.float64]
    scores: NDArray[np.float64]
    outlines: tuple[tuple[Outline, ...], ...] | None = None

    def __len__(self) -> int:
        return len(self.case)

    def of(self, chosen: NDArray[np.intp]) -> Boxes:
        """Those of the chosen cases, each of which takes the number of its place in ``chosen``."""
        starts = np.searchsorted(self.case, chosen, side="left")
        ends = np.searchsorted(self.case, chosen, side="right")
        counts = ends - starts
        index = np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        outlines = None if self.outlines is None else tuple(self.outlines[at] for at in index)
        case = np.repeat(np.arange(len(chosen)), counts)
        return Boxes(case, self.corners[index], self.scores[index], outlines)


@dataclass(frozen=True, eq=False)
class Cases:
    """What is measured: ``n`` cases, each with a label and a model's answer.

    Attributes:
        model: name and version of the model, for people.
        records: one a case, ``[n]``; the first image's where a case is a study or a patient.
        positive: whether it shows what is looked for, ``[n]``.
        probability: of that, in 0..1, ``[n]``; calibrated or not, as the model gives it.
        clusters: number of what each case is drawn together with, ``[n]``.
        decisions: the model's own, ``[n]`` of :data:`fractura.findings.Decision`; ``None`` if it
            makes none.
        found: boxes that the model drew; ``None`` if it draws none.
        truths: true boxes; ``None`` if the manifest has none.
        regions: body region that the model named, ``[n]`` of str or ``None``; ``None`` if none.
        names: of the negative and of the positive class.
        level: what one case is. Studies and patients have no boxes.
    """

    model: str
    records: tuple[Record, ...]
    positive: NDArray[np.bool_]
    probability: NDArray[np.float64]
    clusters: NDArray[np.int64]
    decisions: NDArray[np.str_] | None = None
    found: Boxes | None = None
    truths: Boxes | None = None
    regions: tuple[str | None, ...] | None = None
    names: tuple[str, str] = ("no fracture", "fracture")
    level: Level = "image"

    def __len__(self) -> int:
        return len(self.records)

    @property
    def ids(self) -> tuple[str, ...]:
        """The records' ids, ``[n]``."""
        return tuple(record.id for record in self.records)

    @property
    def flagged(self) -> NDArray[np.bool_] | None:
        """Which cases the model calls a fracture or uncertain, ``[n]``; ``None`` if it decides
        nothing. A case that is not evaluated is not flagged."""
        return None if self.decisions is None else np.isin(self.decisions, FLAGGED)

    def of(self, chosen: NDArray[np.intp]) -> Cases:
        """Some of the cases, in the order of ``chosen`` (indices ``[k]``, none twice)."""
        return replace(
            self,
            records=tuple(self.records[at] for at in chosen),
            positive=self.positive[chosen],
            probability=self.probability[chosen],
            clusters=self.clusters[chosen],
            decisions=None if self.decisions is None else self.decisions[chosen],
            found=None if self.found is None else self.found.of(chosen),
            truths=None if self.truths is None else self.truths.of(chosen),
            regions=None if self.regions is None else tuple(self.regions[at] for at in chosen),
        )


def cluster(record: Record) -> str:
    """What is drawn together: the record's group, or its neighbours in order, or it alone."""
    if record.group is not None:
        return f"group {record.group}"
    if record.order is not None:
        return f"{record.source} {record.order // NEIGHBOURS}"
    return record.id


def cluster_numbers(records: Sequence[Record]) -> NDArray[np.int64]:
    """:func:`cluster` of each record as a number, ``[n]``."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(cluster(record), len(number)) for record in records])


def true_boxes(records: Sequence[Record]) -> Boxes | None:
    """The marked fractures; ``None`` if no record tells whether anything is marked."""
    if all(record.annotations is None for record in records):
        return None
    marks = [(index, mark) for index, record in enumerate(records) for mark in record.fractures]
    outlined = any(mark.outlines for _, mark in marks)
    return Boxes(
        case=np.array([index for index, _ in marks], dtype=np.int64),
        corners=np.array([mark.box.as_list() for _, mark in marks], dtype=np.float64).reshape(
            -1, 4
        ),
        scores=np.ones(len(marks)),
        outlines=tuple(mark.outlines for _, mark in marks) if outlined else None,
    )


def is_positive(record: Record, looked_for: str) -> bool | None:
    """Whether a record shows a ``"fracture"``, or anything ``"abnormal"``; ``None`` if unknown."""
    return record.abnormal if looked_for == "abnormal" else record.fractured


def pooled(cases: Cases, level: Level) -> Cases:
    """Put the images of one study, or of one patient, together.

    A study is positive if one of its images is, and has the highest of their probabilities and
    the gravest of their decisions: one view that shows the fracture is enough.

    Raises:
        FracturaError: a record does not say which study or patient it belongs to.
    """
    if level == "image":
        return cases
    groups: dict[tuple[str, str], list[int]] = {}
    for index, record in enumerate(cases.records):
        name = record.study if level == "study" else record.patient
        if name is None:
            raise FracturaError(
                f"{record.id} has no {level}, so images cannot be put together; "
                "measure single images (--by image)"
            )
        groups.setdefault((record.source, name), []).append(index)
    members = list(groups.values())
    firsts = np.array([indices[0] for indices in members])
    gravest = None
    if cases.decisions is not None:
        rank = _ranks(cases.decisions)
        gravest = np.array([DECISIONS[max(rank[index] for index in one)] for one in members])
    return replace(
        cases.of(firsts),
        positive=np.array([cases.positive[one].any() for one in members]),
        probability=np.array([cases.probability[one].max() for one in members]),
        decisions=gravest,
        found=None,
        truths=None,
        regions=None,
        level=level,
    )


NOT_EVALUATED = "not evaluated"
FLAGGED = ("uncertain", "fracture")
"""Decisions that ask for another look."""
DECISIONS = (NOT_EVALUATED, "no fracture", "uncertain", "fracture")
"""From the one that says least to the gravest."""


def _ranks(decisions: NDArray[np.str_]) -> list[int]:
    rank: Mapping[str, int] = {name: index for index, name in enumerate(DECISIONS)}
    return [rank[str(decision)] for decision in decisions]
