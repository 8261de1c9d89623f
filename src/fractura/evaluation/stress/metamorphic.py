"""What should not change a reading, and by how much it does: metamorphic relations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import intersection_over_union
from fractura.evaluation.interval import Figure, FigureValue, estimate, json_figure
from fractura.evaluation.stress.reread import (
    Read,
    StressedReading,
    answer,
    over,
    reread,
)
from fractura.evaluation.stress.views import (
    Pixels,
    View,
    jpeg,
    mirrored,
    moved,
    placed,
    rotated,
    scaled,
    unmoved,
)
from fractura.imaging.radiograph import Radiograph
from fractura.progress import Progress

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Relation:
    """A change of float32 ``[h, w]`` in 0..1 after which a reader would say the same."""

    name: str
    what: str
    change: Callable[[Pixels], View]


@dataclass(frozen=True, eq=False)
class _Changed:
    """What a change did: to the probability, to the decision, to the best box (or ``nan``)."""

    probability: float
    decision: bool
    overlap: float


def relations(
    cases: Cases,
    read: Read,
    *,
    limit: int | None = None,
    workers: int = 1,
    samples: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Compare the reading of each radiograph with those of its harmless changes.

    Args:
        cases: single images; their files are loaded here, one at a time for each worker.
        read: gives a reading with all findings; called from ``workers`` threads.
        limit: radiographs at most; see :func:`fractura.evaluation.stress.reread.reread`.
        workers: threads.
        samples: bootstrap samples.
        seed: of the choice of radiographs and the bootstrap.
        progress: see :data:`fractura.progress.Progress`.

    Returns:
        For each of :data:`RELATIONS` ``{"name", "what", "cases", "figures"}``. ``mean_change`` and
        ``largest_change`` are of the absolute difference of the probability; ``decision_changed``
        is the share of changed decisions; ``box_overlap`` is the median overlap of the best box
        with the original's best box after the same move, over the radiographs that the model
        flagged and boxed both times it was asked. The largest change has no interval.

    Raises:
        FracturaError: cases are not single images.
    """

    def work(radiograph: Radiograph, truths: Boxes | None) -> list[_Changed]:
        before = answer(radiograph, unmoved(radiograph.pixels), read)
        found = []
        for relation in RELATIONS:
            view = relation.change(radiograph.pixels)
            found.append(_changed(before, answer(radiograph, view, read), view))
        return found

    done = reread(
        cases, "relations", work, limit=limit, workers=workers, seed=seed, progress=progress
    )
    columns = list(zip(*done.results, strict=True)) or [()] * len(RELATIONS)
    return [
        {
            "name": relation.name,
            "what": relation.what,
            "cases": len(done.cases),
            "figures": _figures(list(column), done.cases.clusters, samples, seed),
        }
        for relation, column in zip(RELATIONS, columns, strict=True)
    ]


def _changed(before: StressedReading, after: StressedReading, view: View) -> _Changed:
    overlap = float("nan")
    if before.flagged and len(before.boxes) and len(after.boxes):
        expected = moved(before.boxes[:1], view.matrix)
        overlap = float(intersection_over_union(after.boxes[:1], expected)[0, 0])
    return _Changed(
        abs(after.probability - before.probability), after.decision != before.decision, overlap
    )


def _figures(
    changed: list[_Changed], clusters: NDArray[np.int64], samples: int, seed: int
) -> dict[str, FigureValue]:
    change = np.array([one.probability for one in changed])
    decided = np.array([one.decision for one in changed])
    overlap = np.array([one.overlap for one in changed])
    boxed = np.flatnonzero(~np.isnan(overlap))
    order = np.argsort(overlap[boxed])

    def measure(counts: Floats) -> dict[str, Floats]:
        return {
            "mean_change": over(counts, change),
            "decision_changed": over(counts, decided),
            "box_overlap": _median(counts[:, boxed][:, order], overlap[boxed][order]),
        }

    n = len(changed)
    rests = {"mean_change": n, "decision_changed": n, "box_overlap": len(boxed)}
    figures = estimate(measure, clusters, samples, seed, rests)
    largest = float(change.max()) if n else np.nan
    return figures | {"largest_change": json_figure(Figure(largest, np.nan, np.nan, n))}


def _median(counts: Floats, values: Floats) -> Floats:
    """Of rising values ``[m]`` that count ``[s, m]`` times, the lower of two middle ones."""
    if not len(values):
        return np.full(len(counts), np.nan)
    below = np.cumsum(counts, axis=1)
    total = below[:, -1:]
    middle = values[(below >= total / 2).argmax(1)]
    return np.asarray(np.where(total[:, 0] > 0, middle, np.nan))


def _pad(pixels: Pixels) -> View:
    height, width = pixels.shape
    left, top = width // 6, height // 6
    return placed(pixels, left, top, (height + 2 * top, width + 2 * left))


def _shift(pixels: Pixels) -> View:
    step = round(0.03 * max(pixels.shape))
    return placed(pixels, step, step, pixels.shape)


RELATIONS = (
    Relation("mirror", "Left and right swapped.", mirrored),
    Relation("pad", "Black added on all sides, a third of the width and of the height.", _pad),
    Relation("shift", "Moved right and down by 3 % of the longer side.", _shift),
    Relation(
        "grey values",
        "Contrast 0.8 and 0.1 brighter, without rounding.",
        lambda pixels: unmoved(np.float32(0.8) * pixels + np.float32(0.1)),
    ),
    Relation("rotate", "Turned by 5°.", lambda pixels: rotated(pixels, 5)),
    Relation("jpeg", "Saved as JPEG at quality 95.", lambda pixels: unmoved(jpeg(pixels, 95))),
    Relation("enlarge", "Twice as many pixels a side.", lambda pixels: scaled(pixels, 2)),
)
"""The changes, in the order of the report."""
