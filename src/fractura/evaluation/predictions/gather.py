"""Predictions as they come in, put in order beside the records that they speak of."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Outline, Record
from fractura.datasets.sources.folder import head_of
from fractura.datasets.target import ABNORMAL, FRACTURE, NO_FRACTURE, NORMAL
from fractura.errors import FracturaError
from fractura.evaluation.cases import (
    DECISIONS,
    Boxes,
    Cases,
    cluster_numbers,
    is_positive,
    true_boxes,
)
from fractura.evaluation.predictions.errors import PredictionError
from fractura.evaluation.predictions.names import Closeness, NameMatch, Names

CLASSES = {FRACTURE: (NO_FRACTURE, FRACTURE), ABNORMAL: (NORMAL, ABNORMAL)}
"""The negative and the positive class, by what is looked for."""
UNKNOWN = -1
"""In place of an answer's number: no record has its name."""
_COPY = NameMatch(0, Closeness.SAME_BYTES).strength
_SLACK = 0.01
"""Pixels by which a box may leave the image without a word, for numbers are rounded."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model or another system said.

    Attributes:
        cases: of the labelled records that have an answer, in the records' order.
        unanswered: ids of labelled records without an answer.
        unknown: what the source calls images that no record is of.
        notes: sentences about what was left out, clipped or taken for granted.
    """

    cases: Cases
    unanswered: tuple[str, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]


class Gathering:
    """Takes answers in any order, in columns, so that a million need little memory."""

    def __init__(self, source: str, records: Sequence[Record], looked_for: str) -> None:
        """Begin.

        Args:
            source: the file or folder, for messages.
            records: what may be answered.
            looked_for: ``"fracture"`` or ``"abnormal"``.

        Raises:
            FracturaError: there is no record, or something else is looked for.
        """
        if looked_for not in CLASSES:
            raise FracturaError(f"{looked_for!r} cannot be looked for; say fracture or abnormal")
        if not records:
            raise FracturaError("there is no radiograph to be answered; choose another split")
        self.source, self.records, self.looked_for = source, records, looked_for
        self.notes: list[str] = []
        self._truth = [is_positive(record, looked_for) for record in records]
        self.names = Names(records)
        self._answer_of = array("q", [UNKNOWN]) * len(records)
        self._strength = array("q", [0]) * len(records)
        self._names: list[str] = []
        self._record = array("q")
        self._lines = array("q")
        self._probability = array("d")
        self._decision = array("b")
        self._regions: list[str | None] = []
        self._unknown: list[str] = []
        self._contested: dict[int, list[str]] = {}
        self._copies = 0
        self._box_answer = array("q")
        self._corners = array("d")
        self._scores = array("d")
        self._outlines: dict[int, tuple[Outline, ...]] = {}

    def begin(self, name: str, line: int = 0, sha256: str | None = None) -> int:
        """Number of a new answer, or :data:`UNKNOWN`.

        Args:
            name: what the source calls the image.
            line: where it stands, for messages; 0 if lines say nothing.
            sha256: of the image's file, where the source tells.

        Raises:
            PredictionError: the record has an answer, or the name fits several records.
        """
        match = self.names.find(name, sha256)
        if match is None:
            self._unknown.append(name)
            return UNKNOWN
        return self._claim(match, name, line)

    def begin_record(self, index: int, name: str) -> int:
        """Number of a new answer for the record with this index."""
        return self._claim(NameMatch(index, Closeness.EXACT), name, 0)

    def _claim(self, match: NameMatch, name: str, line: int) -> int:
        index = match.record
        before = self._answer_of[index]
        if before != UNKNOWN:
            self._settle(match, before, name)
            if match.strength <= self._strength[index]:
                return UNKNOWN
        self._answer_of[index], self._strength[index] = len(self._names), match.strength
        self._names.append(name)
        self._record.append(index)
        self._lines.append(line)
        self._probability.append(np.nan)
        self._decision.append(-1)
        self._regions.append(None)
        return len(self._names) - 1

    def _settle(self, match: NameMatch, before: int, name: str) -> None:
        """Count the weaker of two answers for one record, or refuse the second."""
        index, other = match.record, self._names[before]
        strengths = {match.strength, self._strength[index]}
        if len(strengths) == 1 and (match.closeness is Closeness.EXACT or name == other):
            where = f" (line {self._lines[before]})" if self._lines[before] else ""
            raise PredictionError(
                f"{name} is the second answer for {self.records[index].id} after "
                f"{other}{where}; keep one"
            )
        if len(strengths) == 1 and match.closeness is Closeness.FILE_NAME:
            self._contested.setdefault(index, [other]).append(name)
        elif min(strengths) == _COPY:
            self._copies += 1
        else:
            self._unknown.append(name if match.strength < max(strengths) else other)

    def say(
        self,
        answer: int,
        probability: float,
        decision: str | None = None,
        region: str | None = None,
    ) -> None:
        """Fill an answer in; without a probability it is that of its best box, or 0.

        Raises:
            PredictionError: the probability is no number in 0..1, or there is no such decision.
        """
        check_probability(probability, "probability")
        if decision is not None and decision not in DECISIONS:
            raise PredictionError(
                f"the decision is {decision!r}; it must be {', '.join(DECISIONS)}"
            )
        if answer != UNKNOWN:
            self._probability[answer] = probability
            self._decision[answer] = -1 if decision is None else DECISIONS.index(decision)
            self._regions[answer] = region

    def probability(self, answer: int) -> float | None:
        """What was said before; ``None`` if nothing."""
        found = self._probability[answer]
        return found if isfinite(found) else None

    def read_without_box(self, listed: Collection[int] | None = None) -> int:
        """Take labelled records without an answer as read, without a box; says how many.

        Nothing is taken where names came and none was a record's.

        Args:
            listed: indices of the records that were read for certain; by default all.
        """
        if self._unknown and not self._names:
            return 0
        silent = [
            index
            for index, answer in enumerate(self._answer_of)
            if answer == UNKNOWN
            and self._truth[index] is not None
            and (listed is None or index in listed)
        ]
        for index in silent:
            self.begin_record(index, self.records[index].id)
        return len(silent)

    def size_of(self, answer: int) -> tuple[int, int]:
        """Width and height in pixels of an answer's image.

        Raises:
            PredictionError: neither the manifest nor the image's file tells.
        """
        record = self.records[self._record[answer]]
        if record.width is not None and record.height is not None:
            return record.width, record.height
        head = head_of(record.path)
        if head is None:
            raise PredictionError(
                f"the manifest does not tell the size of {record.path}, and it cannot be read; "
                "build the manifest where the images are"
            )
        return head.width, head.height

    def check_size(self, answer: int, width: Any, height: Any) -> None:
        """Refuse boxes in pixels of another size than the manifest's image.

        Raises:
            PredictionError: the sizes differ; sizes that are unknown on either side do not.
        """
        if answer == UNKNOWN:
            return
        record = self.records[self._record[answer]]
        pairs = ((width, record.width), (height, record.height))
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise PredictionError(
                f"its boxes are in an image of {width} × {height} pixels, and {record.id} has "
                f"{record.width} × {record.height}; give boxes in pixels of the manifest's image"
            )

    def box(
        self,
        answer: int,
        corners: Sequence[float],
        score: float,
        outlines: tuple[Outline, ...] = (),
    ) -> None:
        """Add a box to an answer: x_min, y_min, x_max, y_max in pixels, and a score in 0..1.

        Raises:
            PredictionError: a number is not finite, the score is outside 0..1, or corners are
                swapped.
        """
        check_probability(score, "score of a box")
        x_min, y_min, x_max, y_max = corners
        if not isfinite(x_min + y_min + x_max + y_max):
            raise PredictionError(
                f"the box {list(corners)} has a corner that is no number; leave it out"
            )
        if x_min > x_max or y_min > y_max:
            raise PredictionError(
                f"the box {list(corners)} ends before it begins; "
                "give its left, top, right and bottom edge"
            )
        if answer != UNKNOWN:
            if outlines:
                self._outlines[len(self._scores)] = outlines
            self._box_answer.append(answer)
            self._corners.extend(corners)
            self._scores.append(score)

    @property
    def boxes(self) -> int:
        """How many boxes were taken."""
        return len(self._scores)

    def finish(self, model: str, *, draws_boxes: bool) -> Predictions:
        """Everything in the records' order.

        Args:
            model: its name and version.
            draws_boxes: whether it marks places at all.

        Raises:
            FracturaError: no answer belongs to a record, none of those that do has a label, or
                several answers may belong to one record.
        """
        for index, (first, *others) in self._contested.items():
            if self._names[self._answer_of[index]] == first:
                raise FracturaError(
                    f"{self.source}: {first} and {others[0]} may both be "
                    f"{self.records[index].id}; give the manifest's paths or ids"
                )
            self._unknown.extend(others)
        answer_of = np.array(self._answer_of, dtype=np.int64)
        labelled = np.array([one is not None for one in self._truth])
        chosen = np.flatnonzero(labelled & (answer_of != UNKNOWN))
        self._check_some(answer_of, chosen)
        records = tuple(self.records[index] for index in chosen.tolist())
        answers = answer_of[chosen]
        shows_boxes = draws_boxes and self.looked_for == FRACTURE
        found, best = self._sorted_boxes(records, answers)
        probability = np.frombuffer(self._probability)[answers]
        decisions = np.frombuffer(self._decision, dtype=np.int8)[answers]
        regions = tuple(self._regions[answer] for answer in answers)
        cases = Cases(
            model=model,
            records=records,
            positive=np.array([self._truth[index] for index in chosen], dtype=bool),
            probability=np.where(np.isnan(probability), best, probability),
            clusters=cluster_numbers(records),
            decisions=np.array(DECISIONS)[decisions] if (decisions >= 0).all() else None,
            found=found if shows_boxes else None,
            truths=true_boxes(records) if self.looked_for == FRACTURE else None,
            regions=regions if any(region is not None for region in regions) else None,
            names=CLASSES[self.looked_for],
        )
        self._add_notes(cases, int((~labelled).sum()))
        missing = np.flatnonzero(labelled & (answer_of == UNKNOWN))
        return Predictions(
            cases=cases,
            unanswered=tuple(self.records[index].id for index in missing.tolist()),
            unknown=tuple(self._unknown),
            notes=tuple(self.notes),
        )

    def _check_some(self, answer_of: NDArray[np.int64], chosen: NDArray[np.intp]) -> None:
        if not len(chosen) and (answer_of != UNKNOWN).any():
            raise FracturaError(
                f"{self.source}: no radiograph that it answers has a label that tells of "
                f"{self.looked_for}; choose another split"
            )
        if not len(chosen) and self.names.other_bytes:
            raise FracturaError(
                f"{self.source}: images such as {self._unknown[0]} have other bytes (SHA-256) than "
                "the manifest's of that name; build the manifest anew from the files that were read"
            )
        if not len(chosen):
            named = f" such as {self._unknown[0]}" if self._unknown else ""
            raise FracturaError(
                f"{self.source}: no image in it{named} is one of the split's, such as "
                f"{self.records[0].id} in {self.records[0].path}; give the manifest's paths or ids"
            )

    def _sorted_boxes(
        self, records: Sequence[Record], answers: NDArray[np.int64]
    ) -> tuple[Boxes, NDArray[np.float64]]:
        """The boxes of the chosen answers by case and falling score; each case's best score."""
        case_of = np.full(len(self._names), UNKNOWN, dtype=np.int64)
        case_of[answers] = np.arange(len(answers))
        case = case_of[np.frombuffer(self._box_answer, dtype=np.int64)]
        scores = np.frombuffer(self._scores)
        order = np.lexsort((-scores, case))
        order = order[np.searchsorted(case[order], 0) :]
        case, scores = case[order], scores[order]
        corners = np.frombuffer(self._corners).reshape(-1, 4)[order]
        outlines = None
        if self._outlines:
            outlines = [self._outlines.get(int(index), ()) for index in order]
        self._clip(corners, outlines, records, case)
        best = np.zeros(len(answers))
        np.maximum.at(best, case, scores)
        shapes = None if outlines is None else tuple(outlines)
        return Boxes(case, corners, scores, shapes), best

    def _clip(
        self,
        corners: NDArray[np.float64],
        outlines: list[tuple[Outline, ...]] | None,
        records: Sequence[Record],
        case: NDArray[np.int64],
    ) -> None:
        sizes = np.array([(one.width or np.inf, one.height or np.inf) for one in records])
        limits = np.tile(sizes, 2)[case]
        beyond = np.maximum(-corners, corners - limits).max(axis=1, initial=0)
        np.clip(corners, 0, limits, out=corners)
        if outlines is not None:
            for index in np.flatnonzero(beyond > 0):
                width, height = limits[index, :2]
                outlines[index] = tuple(
                    tuple(
                        (float(min(max(x, 0), width)), float(min(max(y, 0), height)))
                        for x, y in outline
                    )
                    for outline in outlines[index]
                )
        count = int((beyond > _SLACK).sum())
        if count:
            self.notes.append(f"{count:,} boxes reached beyond their image and were clipped to it")

    def _add_notes(self, cases: Cases, unlabelled: int) -> None:
        if unlabelled:
            self.notes.append(
                f"{unlabelled:,} radiographs whose label does not tell of {self.looked_for} "
                "are left out"
            )
        strengths = np.frombuffer(self._strength, dtype=np.int64)
        guessed = int(((strengths > 0) & (strengths < _COPY)).sum())
        if guessed:
            self.notes.append(
                f"{guessed:,} answers were matched by the file name alone; their folders are "
                "others than the manifest's"
            )
        if self._copies:
            self.notes.append(
                f"{self._copies:,} answers are of copies of radiographs that have an answer "
                "and are left out"
            )
        if self.names.other_bytes:
            self.notes.append(
                f"{self.names.other_bytes:,} answers bear the name of a radiograph but are of a "
                "file with other bytes, and count as unknown"
            )
        if len(cases) > 1 and np.isin(cases.probability, (0, 1)).all():
            self.notes.append(
                "every probability is 0 or 1: these look like decisions or labels, and figures "
                "of ranking and calibration say little"
            )


def check_probability(value: Any, what: str) -> None:
    """Refuse what is no number in 0..1.

    Raises:
        PredictionError: says what to do.
    """
    if value != value:
        raise PredictionError(
            f"the {what} is not a number (NaN); leave the image out or read it again"
        )
    if not 0 <= value <= 1:
        raise PredictionError(
            f"the {what} is {value:g} and must be in 0..1; divide percentages by 100, put logits "
            "through the logistic function 1 / (1 + exp(-x))"
        )
