"""Test-time augmentation: what the mean over several views of a radiograph is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import Matches, intersection_over_union, match
from fractura.evaluation.interval import estimate
from fractura.evaluation.ranked_boxes import RankedBoxes
from fractura.evaluation.ranking import Ranking
from fractura.evaluation.stress.reread import (
    Read,
    StressedReading,
    answer,
    matched,
    reread,
)
from fractura.evaluation.stress.views import (
    Pixels,
    View,
    mirrored,
    moved,
    rotated,
    unmoved,
    zoomed,
)
from fractura.imaging.radiograph import Radiograph
from fractura.progress import Progress

Floats = NDArray[np.float64]

VIEWS: tuple[Callable[[Pixels], View], ...] = (
    unmoved,
    mirrored,
    lambda pixels: zoomed(pixels, 0.9),
    lambda pixels: zoomed(pixels, 1.1),
    lambda pixels: rotated(pixels, 5),
    lambda pixels: rotated(pixels, -5),
    lambda pixels: unmoved(pixels ** np.float32(0.8)),
    lambda pixels: unmoved(pixels ** np.float32(1.25)),
)
"""The first is the radiograph as it is."""
SAME_BOX = 0.55
"""Overlap from which boxes of several views are one."""


@dataclass(frozen=True, eq=False)
class _AugmentedCase:
    """Probability in each view ``[v]``, and the boxes of the first and of all views matched."""

    probability: Floats
    plain: Matches | None
    merged: Matches | None


def augmented(
    cases: Cases,
    read: Read,
    *,
    limit: int | None = None,
    workers: int = 1,
    samples: int = 2000,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare the mean over :data:`VIEWS` with the reading of the radiograph as it is.

    Args:
        cases: single images; their files are loaded here, one at a time for each worker.
        read: gives a reading with all findings; called from ``workers`` threads.
        limit: radiographs at most; see :func:`fractura.evaluation.stress.reread.reread`.
        workers: threads.
        samples: bootstrap samples.
        seed: of the choice of radiographs and the bootstrap.
        progress: see :data:`fractura.progress.Progress`.

    Returns:
        ``{"cases", "views", "figures", "notes"}``. Gains are augmented minus plain on the same
        bootstrap samples. ``spread_auroc_of_errors`` is how well the standard deviation of the
        probability over the views ranks radiographs that are called wrong (mean probability
        against 0.5) before those called right; ``doubt_auroc_of_errors`` is the same of the mean
        probability's nearness to 0.5, which costs no second view.

    Raises:
        FracturaError: cases are not single images.
    """
    boxed = cases.found is not None and cases.truths is not None

    def work(radiograph: Radiograph, truths: Boxes | None) -> _AugmentedCase:
        views = [view(radiograph.pixels) for view in VIEWS]
        said = [answer(radiograph, view, read) for view in views]
        probability = np.array([one.probability for one in said])
        if not boxed or truths is None:
            return _AugmentedCase(probability, None, None)
        boxes, scores = merged_boxes(said, views)
        return _AugmentedCase(
            probability,
            matched(said[0], truths, views[0]),
            match(boxes, scores, truths.corners),
        )

    done = reread(
        cases, "augmented", work, limit=limit, workers=workers, seed=seed, progress=progress
    )
    notes = list(done.notes)
    positive = done.cases.positive
    seen = [one.probability for one in done.results]
    probability = np.array(seen, dtype=np.float64).reshape(-1, len(VIEWS))
    mean = probability.mean(1)
    wrong = (mean >= 0.5) != positive
    rankings = {
        "auroc": Ranking(mean, positive),
        "plain": Ranking(probability[:, 0], positive),
        "spread_auroc_of_errors": Ranking(probability.std(1), wrong),
        "doubt_auroc_of_errors": Ranking(-np.abs(mean - 0.5), wrong),
    }
    boxes = [
        (one.merged, one.plain)
        for one in done.results
        if one.merged is not None and one.plain is not None
    ]
    pools = [RankedBoxes.of({0.5: column}) for column in zip(*boxes, strict=True)]

    def measure(counts: Floats) -> dict[str, Floats]:
        found = {name: one.measure(counts)[0] for name, one in rankings.items()}
        found["auroc_gain"] = found["auroc"] - found.pop("plain")
        if pools:
            found["ap50"], plain = (pool.average_precision(counts)[0.5] for pool in pools)
            found["ap50_gain"] = found["ap50"] - plain
        return found

    names = [*rankings, "auroc_gain", *(("ap50", "ap50_gain") if boxed else ())]
    names.remove("plain")
    rests = dict.fromkeys(names, len(done.cases))
    figures = estimate(measure, done.cases.clusters, samples, seed, rests)
    if not boxed:
        notes.append("There are no boxes to score.")
    if not wrong.any() or wrong.all():
        notes.append("No call differs from another in being right, so errors cannot be ranked.")
    if positive.all() or not positive.any():
        notes.append("There are radiographs of one class only, so nothing can be ranked.")
    notes.append(f"{int(wrong.sum())} of {len(wrong)} radiographs are called wrong at 0.5.")
    return {
        "cases": len(done.cases),
        "views": len(VIEWS),
        "figures": figures,
        "notes": notes,
    }


def merged_boxes(said: list[StressedReading], views: list[View]) -> tuple[Floats, Floats]:
    """Boxes ``[k, 4]`` in pixels of the source, and their scores ``[k]``, of all views together.

    In order of falling score each box joins the first group whose best box it overlaps by
    :data:`SAME_BOX` and that has none of its view yet, or founds one. A group's box is the mean
    of its boxes by score; its score is the sum of theirs over the number of views. This is
    weighted boxes fusion (Solovyev et al. 2021, arXiv 1910.13302) with fixed
    founders.
    """
    boxes = np.concatenate(
        [
            moved(one.boxes, np.asarray(cv2.invertAffineTransform(view.matrix), np.float64))
            for one, view in zip(said, views, strict=True)
        ]
    )
    scores = np.concatenate([one.scores for one in said])
    source = np.repeat(np.arange(len(said)), [len(one.scores) for one in said])
    order = np.argsort(-scores, kind="stable")
    same = intersection_over_union(boxes, boxes) >= SAME_BOX
    groups: list[list[int]] = []
    for index in order.tolist():
        for group in groups:
            if same[group[0], index] and source[index] not in source[group]:
                group.append(index)
                break
        else:
            groups.append([index])
    weights = [scores[group] for group in groups]
    fused = [
        weight @ boxes[group] / weight.sum() for group, weight in zip(groups, weights, strict=True)
    ]
    return (
        np.array(fused, dtype=np.float64).reshape(-1, 4),
        np.array([weight.sum() / len(said) for weight in weights], dtype=np.float64),
    )
