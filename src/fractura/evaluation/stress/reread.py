"""Read the radiographs of cases again, changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError, LoadError
from fractura.evaluation.cases import FLAGGED, Boxes, Cases
from fractura.evaluation.detection import Matches, match
from fractura.evaluation.stress.views import View, shown_truths
from fractura.findings import Decision, Reading
from fractura.imaging.load import load
from fractura.imaging.radiograph import Radiograph
from fractura.parallel import map_in_order
from fractura.progress import Progress

Read = Callable[[Radiograph], Reading]
"""A reader's ``read`` with all findings."""
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class StressedReading:
    """What a model said of one view.

    Attributes:
        probability: that it shows a fracture, 0..1.
        decision: the model's.
        boxes: ``[m, 4]``, in pixels of the view.
        scores: of the boxes, ``[m]``, falling.
    """

    probability: float
    decision: Decision
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def flagged(self) -> bool:
        """Whether the decision asks for another look; *not evaluated* does not."""
        return self.decision in FLAGGED


def answer(radiograph: Radiograph, view: View, read: Read) -> StressedReading:
    """Read one view of a radiograph."""
    reading = read(replace(radiograph, pixels=view.pixels))
    found = reading.findings
    corners = np.array([one.box.as_list() for one in found], dtype=np.float64).reshape(-1, 4)
    scores = np.array([one.score for one in found], dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    return StressedReading(reading.probability, reading.decision, corners[order], scores[order])


def matched(said: StressedReading, truths: Boxes | None, view: View) -> Matches | None:
    """Boxes of a view matched to the true ones in it at an overlap of 0.5."""
    if truths is None:
        return None
    return match(said.boxes, said.scores, shown_truths(truths, view))


@dataclass(frozen=True, eq=False)
class Reread(Generic[Result]):
    """What came of the radiographs that could be read.

    Attributes:
        cases: those, ``[n]``.
        results: one a case, ``[n]``.
        notes: what was left out, in sentences.
    """

    cases: Cases
    results: list[Result]
    notes: tuple[str, ...]


def reread(
    cases: Cases,
    name: str,
    work: Callable[[Radiograph, Boxes | None], Result],
    *,
    limit: int | None,
    workers: int,
    seed: int,
    progress: Progress | None,
) -> Reread[Result]:
    """Load radiographs in threads, one at a time in each, and do some work on them.

    Args:
        cases: single images.
        name: of the work, for people.
        work: takes a radiograph and its true boxes, ``None`` where the manifest has none.
        limit: radiographs at most, drawn so that the share of positives stays; all if ``None``.
        workers: threads.
        seed: of the draw.
        progress: see :data:`Progress`.

    Raises:
        FracturaError: cases are not single images.
    """
    if cases.level != "image":
        raise FracturaError(
            f"changed radiographs are read one by one, not by {cases.level}; measure single images"
        )
    chosen = _draw(cases.positive, limit, seed)

    def one(index: np.intp) -> tuple[Result] | None:
        truths = None if cases.truths is None else cases.truths.of(np.array([index]))
        try:
            radiograph = load(cases.records[index].path)
        except LoadError:
            return None
        return (work(radiograph, truths),)

    found: Iterable[tuple[Result] | None] = map_in_order(one, chosen, workers)
    if progress is not None:
        found = progress(found, len(chosen), name)
    results = list(found)
    kept = np.array([result is not None for result in results], dtype=bool)
    notes = []
    if len(chosen) < len(cases):
        notes.append(
            f"{len(chosen)} of {len(cases)} radiographs, drawn at random with the same share "
            "of positives."
        )
    if not kept.all():
        notes.append(f"Left out because they could not be loaded: {int((~kept).sum())}.")
    return Reread(
        cases.of(chosen[kept]), [one[0] for one in results if one is not None], tuple(notes)
    )


def _draw(positive: NDArray[np.bool_], limit: int | None, seed: int) -> NDArray[np.intp]:
    """Indices, rising; of each class its share, and at least one where there is any."""
    if limit is None or limit >= len(positive):
        return np.arange(len(positive))
    random = np.random.default_rng(seed)
    ones, zeros = np.flatnonzero(positive), np.flatnonzero(~positive)
    most = min(len(ones), limit - min(1, len(zeros)))
    count = min(most, max(min(1, len(ones)), round(limit * len(ones) / len(positive))))
    drawn = [
        random.permutation(ones)[:count],
        random.permutation(zeros)[: limit - count],
    ]
    return np.sort(np.concatenate(drawn))


def over(
    counts: NDArray[np.float64], values: NDArray[Any], among: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Mean of values ``[n]`` in bootstrap samples ``[s, n]``, ``[s]``; ``nan`` over nothing.

    Args:
        counts: how often each case counts.
        values: numbers, or whether something holds.
        among: the cases that count at all, ``[n]``.
    """
    used = counts if among is None else counts * among
    total = used.sum(1)
    found = np.divide(used @ values, total, out=np.full(len(total), np.nan), where=total > 0)
    return np.asarray(found)
