"""How much worse a model gets as radiographs get worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import Matches
from fractura.evaluation.interval import FigureValue, estimate
from fractura.evaluation.ranked_boxes import RankedBoxes
from fractura.evaluation.ranking import Ranking
from fractura.evaluation.stress.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from fractura.evaluation.stress.reread import (
    Read,
    answer,
    matched,
    over,
    reread,
)
from fractura.evaluation.stress.views import View, unmoved
from fractura.imaging.radiograph import Radiograph
from fractura.progress import Progress

Floats = NDArray[np.float64]

_NOTES = (
    "Sensitivity and specificity: flagged is whatever the model does not call no fracture.",
    "The mean change of the probability is of its absolute value; the change of the AUROC is that "
    "with the corruption minus that without, on the same radiographs.",
    "What is lost of the AUROC over chance is a share of the clean AUROC minus 0.5, averaged over "
    "severities.",
    "A fracture of which less than half is left in view is not asked for; a radiograph with a "
    "fracture that has lost all its boxes so is left out.",
)


@dataclass(frozen=True, eq=False)
class _StressedCase:
    """One radiograph in one state; ``judged`` is whether its label still holds."""

    probability: float
    flagged: bool
    judged: bool
    matches: Matches | None


@dataclass(frozen=True, eq=False)
class _State:
    """All radiographs in one state: each ``[n]``."""

    probability: Floats
    flagged: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    pool: RankedBoxes | None


def robustness(
    cases: Cases,
    read: Read,
    *,
    corruptions: Sequence[Corruption] = CORRUPTIONS,
    severities: Sequence[int] = SEVERITIES,
    limit: int | None = None,
    workers: int = 1,
    samples: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read every radiograph again under every corruption and severity.

    Args:
        cases: single images; their files are loaded here, one at a time for each worker.
        read: gives a reading with all findings; called from ``workers`` threads.
        corruptions: see :mod:`fractura.evaluation.stress.corruptions`.
        severities: those that a corruption does not have are left out of it.
        limit: radiographs at most; see :func:`fractura.evaluation.stress.reread.reread`.
        workers: threads.
        samples: bootstrap samples.
        seed: of the corruptions, the choice of radiographs and the bootstrap.
        progress: see :data:`fractura.progress.Progress`.

    Returns:
        ``{"cases", "clean": figures, "corruptions": [{"name", "severity", "figures"}], "summary":
        {name: figure}, "notes"}``; the summary is the share of the AUROC over chance that is lost.

    Raises:
        FracturaError: cases are not single images.
    """
    settings = [
        (one, severity)
        for one in corruptions
        for severity in severities
        if severity <= len(one.strengths)
    ]

    def work(radiograph: Radiograph, truths: Boxes | None) -> list[_StressedCase]:
        clean = _seen(radiograph, unmoved(radiograph.pixels), truths, read)
        return [clean] + [
            _seen(radiograph, one.apply(radiograph, severity, seed), truths, read)
            for one, severity in settings
        ]

    done = reread(
        cases, "corrupted", work, limit=limit, workers=workers, seed=seed, progress=progress
    )
    boxed = cases.found is not None and cases.truths is not None
    columns = list(zip(*done.results, strict=True)) or [()] * (1 + len(settings))
    clean, *states = (_state(column, boxed) for column in columns)
    measured = [_measure(done.cases, clean, state, samples, seed) for state in states]
    rows = [
        {"name": one.name, "severity": severity, "figures": figures}
        for (one, severity), figures in zip(settings, measured, strict=True)
    ]
    summary = {}
    for one in corruptions:
        own = [state for (other, _), state in zip(settings, states, strict=True) if other is one]
        if own:
            summary[one.name] = _lost(done.cases, clean, own, samples, seed)
    first = _measure(done.cases, clean, clean, samples, seed)
    for name in ("mean_change", "auroc_change"):
        del first[name]
    notes = [*done.notes, *_NOTES]
    if not boxed:
        notes.append("There are no boxes to score.")
    if first["auroc"]["value"] is None:
        notes.append("There are radiographs of one class only, so nothing can be ranked.")
    return {
        "cases": len(done.cases),
        "clean": first,
        "corruptions": rows,
        "summary": summary,
        "notes": notes,
    }


def _seen(radiograph: Radiograph, view: View, truths: Boxes | None, read: Read) -> _StressedCase:
    said = answer(radiograph, view, read)
    matches = matched(said, truths, view)
    lost = truths is not None and matches is not None and len(truths) > 0 and matches.truths == 0
    return _StressedCase(said.probability, said.flagged, not lost, matches)


def _state(seen: Sequence[_StressedCase], boxed: bool) -> _State:
    matches = [one.matches for one in seen if one.matches is not None]
    return _State(
        probability=np.array([one.probability for one in seen]),
        flagged=np.array([one.flagged for one in seen], dtype=bool),
        judged=np.array([one.judged for one in seen], dtype=bool),
        pool=RankedBoxes.of({0.5: matches}) if boxed and matches else None,
    )


def _measure(
    cases: Cases, clean: _State, state: _State, samples: int, seed: int
) -> dict[str, FigureValue]:
    positive, judged = cases.positive, state.judged
    ranking, before = (Ranking(one.probability, positive) for one in (state, clean))
    change = np.abs(state.probability - clean.probability)

    def measure(counts: Floats) -> dict[str, Floats]:
        counts = counts * judged
        auroc = ranking.measure(counts)[0]
        found = {
            "auroc": auroc,
            "sensitivity": over(counts, state.flagged, positive),
            "specificity": over(counts, ~state.flagged, ~positive),
            "mean_change": over(counts, change),
            "auroc_change": auroc - before.measure(counts)[0],
        }
        if state.pool is not None:
            found["ap50"] = state.pool.average_precision(counts)[0.5]
        return found

    n, ones = int(judged.sum()), int((judged & positive).sum())
    rests = {"auroc": n, "sensitivity": ones, "specificity": n - ones, "ap50": n}
    if state.pool is None:
        del rests["ap50"]
    rests |= {"mean_change": n, "auroc_change": n}
    return estimate(measure, cases.clusters, samples, seed, rests)


def _lost(
    cases: Cases, clean: _State, states: Sequence[_State], samples: int, seed: int
) -> FigureValue:
    """Share of the clean AUROC above 0.5 that is lost, averaged over severities."""
    before = Ranking(clean.probability, cases.positive)
    rankings = [(Ranking(state.probability, cases.positive), state.judged) for state in states]

    def measure(counts: Floats) -> dict[str, Floats]:
        lost = np.zeros(len(counts))
        for ranking, judged in rankings:
            start = before.measure(counts * judged)[0]
            gain = np.where(start > 0.5, start - 0.5, np.nan)
            lost += (start - ranking.measure(counts * judged)[0]) / gain / len(rankings)
        return {"lost": lost}

    n = int(np.any([state.judged for state in states], axis=0).sum())
    return estimate(measure, cases.clusters, samples, seed, {"lost": n})["lost"]
