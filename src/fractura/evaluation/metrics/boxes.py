"""How well boxes are found: average precision, free-response curve, F1, by size.

The section ``detection`` of a scorecard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import (
    OVERLAPS,
    Matching,
    Pairs,
    best_of_each_case,
    match_pairs,
    pairs_of,
)
from fractura.evaluation.interval import Estimate, Figure, FigureValue, bootstrap_all, json_figure
from fractura.evaluation.ranked_boxes import Curve, RankedBoxes

Floats = NDArray[np.float64]

FALSE_BOXES = (0.05, 0.1, 0.25, 0.5, 1, 2)
"""False boxes an image at which the sensitivity for boxes is told."""

SIZES: Mapping[str, tuple[float, float]] = {
    "small": (0.0, 0.0025),
    "medium": (0.0025, 0.01),
    "large": (0.01, 1.0),
}
"""Least and greatest share of the image's area, both included, as in COCO."""

_SIZE_RATE = 0.5
_POINTS = 200
_OPTIMISTIC = (
    "The threshold of the best F1 was chosen on these same cases, so its F1, precision and "
    "recall are optimistic; their intervals hold the threshold fixed."
)


def detection(cases: Cases, *, samples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Measure found boxes against true ones.

    Positive images in which nothing is marked, because their source marks nothing, are left
    out: whether a box there is right is unknown. Of each image the 100 best boxes count.

    Args:
        cases: single images; studies and patients have no boxes.
        samples: bootstrap samples.
        seed: of their drawing.

    Returns:
        ``figures``, ``sizes``, ``curves`` and ``notes``, JSON-ready. Without boxes to compare
        the first three are empty; an undefined figure has the value ``None``.
    """
    empty: dict[str, Any] = {"figures": {}, "sizes": [], "curves": {}}
    cases, notes = comparable(cases)
    if cases.found is None or cases.truths is None or not len(cases):
        return {**empty, "notes": notes}
    found, truths = best_of_each_case(cases.found), cases.truths
    pairs = pairs_of(found, truths)
    ranks = ranks_by_id(cases)
    pool = RankedBoxes(match_pairs(found, truths, pairs, len(cases)), ranks)
    curve = pool.curve(0.5)
    found_share, true_share = _shares(cases, found), _shares(cases, truths)
    sizes = SIZES if np.isfinite(true_share).any() or np.isfinite(found_share).any() else {}
    of_size = {
        name: RankedBoxes(
            match_sizes(found, truths, pairs, len(cases), found_share, true_share, *within), ranks
        )
        for name, within in sizes.items()
    }
    kinds = [_within(true_share, *within) for within in sizes.values()]
    threshold = _best_threshold(curve)
    ranked = rankable(found)
    notes += _notes(cases, found, curve, threshold, true_share)

    def measure(counts: Floats) -> dict[str, Floats]:
        fractured = counts * cases.positive
        values = _precisions(pool, counts, "", ranked)
        for name, sized in of_size.items():
            values |= _precisions(sized, counts, f"{name} ", ranked)
        values["ap50_fractured_only"] = (
            pool.average_precision(fractured, (0.5,))[0.5]
            if ranked
            else np.full(len(counts), np.nan)
        )
        for sample, ending in ((counts, ""), (fractured, "_fractured_only")):
            shares = pool.sensitivity_at(sample, FALSE_BOXES, 0.5)
            values |= {
                f"sensitivity_at_{rate:g}{ending}": share
                for rate, share in zip(FALSE_BOXES, shares.T, strict=True)
            }
        if kinds:
            shares = pool.sensitivity_at(counts, (_SIZE_RATE,), 0.5, kinds)[:, 0].T
            for name, share in zip(of_size, shares, strict=True):
                values[f"{name} found_at_{_SIZE_RATE:g}"] = share
        return values | _at_best(pool, counts, threshold)

    estimates = bootstrap_all(measure, cases.clusters, samples=samples, seed=seed)
    above = int((found.scores >= threshold).sum()) if threshold is not None else 0
    resting = {
        "ap50_fractured_only": int(cases.positive.sum()),
        "precision_at_f1_best": above,
        "recall_at_f1_best": len(truths),
    }
    resting |= {name: len(truths) for name in estimates if name.startswith("sensitivity_at_")}
    figures = {
        name: _figure(estimate, resting.get(name, len(cases)))
        for name, estimate in estimates.items()
        if " " not in name
    }
    chosen = Estimate(np.nan if threshold is None else threshold, np.nan, np.nan)
    figures["threshold_f1_best"] = _figure(chosen, len(cases))
    return {
        "figures": figures,
        "sizes": [
            {
                "name": name,
                "range": list(within),
                "boxes": int(kind.sum()),
                "figures": {
                    key.removeprefix(f"{name} "): _figure(estimate, int(kind.sum()))
                    for key, estimate in estimates.items()
                    if key.startswith(f"{name} ") and not key.endswith("ap75")
                },
            }
            for (name, within), kind in zip(sizes.items(), kinds, strict=True)
        ],
        "curves": _curves(curve, len(cases), threshold),
        "notes": notes,
    }


def comparable(cases: Cases) -> tuple[Cases, list[str]]:
    """The cases whose boxes can be compared, and sentences on why others, or all, cannot."""
    if cases.level != "image":
        return cases, [f"Boxes are measured in single images, not by {cases.level}."]
    if cases.found is None:
        return cases, ["The model draws no boxes."]
    if cases.truths is None:
        return cases, ["The manifest marks no boxes."]
    silent = np.array([record.annotations is None for record in cases.records], dtype=bool)
    unknown = silent & cases.positive
    if not unknown.any():
        return cases, []
    note = f"{int(unknown.sum())} positive images in which nothing is marked are left out."
    return cases.of(np.flatnonzero(~unknown)), [note]


def ranks_by_id(cases: Cases) -> NDArray[np.int64]:
    """Place of each case in the order of ids, ``[n]``.

    Found boxes of one score are ranked by it, so no figure depends on the order of the cases;
    COCO ranks them by image number.
    """
    ids = cases.ids
    ranks = np.empty(len(ids), dtype=np.int64)
    ranks[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return ranks


def rankable(found: Boxes) -> bool:
    """Whether scores tell boxes apart, without which average precision means nothing."""
    return len(found) < 2 or bool((found.scores != found.scores[0]).any())


def match_sizes(
    found: Boxes,
    truths: Boxes,
    pairs: Pairs,
    cases: int,
    found_size: Floats,
    true_size: Floats,
    low: float,
    high: float,
) -> Matching:
    """Match boxes where only true boxes of a range of sizes count, as COCO's area ranges do.

    Found boxes that hit another true box, or that hit none and are of another size, are left
    out.

    Args:
        found, truths, pairs, cases: see :func:`fractura.evaluation.detection.match_pairs`.
        found_size, true_size: of the boxes, in any one unit, ``[m]`` and ``[g]``; ``nan``, as
            where an image's own size is unknown, is of no range.
        low, high: the range, both included.
    """
    return match_pairs(
        found,
        truths,
        pairs,
        cases,
        counted=_within(found_size, low, high),
        truth_counted=_within(true_size, low, high),
    )


def areas(boxes: Boxes) -> Floats:
    """In square pixels, ``[m]``."""
    return np.asarray((boxes.corners[:, 2:] - boxes.corners[:, :2]).prod(1))


def _shares(cases: Cases, boxes: Boxes) -> Floats:
    """Of the image's area, ``[m]``; ``nan`` where that is unknown."""
    sides = [(record.width or np.nan, record.height or np.nan) for record in cases.records]
    return np.asarray(np.minimum(areas(boxes) / np.array(sides).prod(1)[boxes.case], 1.0))


def _within(sizes: Floats, low: float, high: float) -> NDArray[np.bool_]:
    return np.asarray((sizes >= low) & (sizes <= high))


def _precisions(pool: RankedBoxes, counts: Floats, prefix: str, ranked: bool) -> dict[str, Floats]:
    names = ("ap50", "ap75", "ap50_95")
    if not ranked:
        return {prefix + name: np.full(len(counts), np.nan) for name in names}
    values = pool.average_precision(counts)
    mean = np.mean([values[overlap] for overlap in OVERLAPS], axis=0)
    return dict(zip((prefix + name for name in names), (values[0.5], values[0.75], mean),
                    strict=True))  # fmt: skip


def _best_threshold(curve: Curve) -> float | None:
    """The highest threshold of the best F1; ``None`` where nothing is found."""
    if not curve.right.any():
        return None
    return float(curve.thresholds[_f1(curve).argmax()])


def _f1(curve: Curve) -> Floats:
    return np.asarray(2 * curve.right / (curve.right + curve.false + curve.truths))


def _at_best(pool: RankedBoxes, counts: Floats, threshold: float | None) -> dict[str, Floats]:
    names = ("f1_best", "precision_at_f1_best", "recall_at_f1_best")
    if threshold is None:
        return {name: np.full(len(counts), np.nan) for name in names}
    right, found, truths = pool.at_threshold(counts, threshold, 0.5)
    with np.errstate(invalid="ignore"):
        values = (2 * right / (found + truths), right / found, right / truths)
    return dict(zip(names, values, strict=True))


def _curves(curve: Curve, cases: int, threshold: float | None) -> dict[str, list[list[float]]]:
    """At the thresholds where another true box is found, at most 200 of them."""
    if not curve.truths or not len(curve.thresholds):
        return {"froc": [], "precision_recall": [], "f1": []}
    rises = np.flatnonzero(np.diff(curve.right, prepend=0.0))
    places = np.unique(np.append(rises, len(curve.thresholds) - 1))
    kept = places[np.unique(np.linspace(0, len(places) - 1, _POINTS - 1).round().astype(int))]
    if threshold is not None:
        kept = np.union1d(kept, np.flatnonzero(curve.thresholds == threshold))
    recall = curve.right / curve.truths
    precision = curve.right / (curve.right + curve.false)
    columns = {
        "froc": (curve.false / cases, recall),
        "precision_recall": (recall, precision),
        "f1": (curve.thresholds, precision, recall, _f1(curve)),
    }
    return {name: np.stack(some, axis=1)[kept].tolist() for name, some in columns.items()}


def _notes(
    cases: Cases, found: Boxes, curve: Curve, threshold: float | None, true_share: Floats
) -> list[str]:
    notes = []
    sizeless = int(sum(not (record.width and record.height) for record in cases.records))
    drawn = float(curve.false[-1]) / len(cases) if len(found) else 0.0
    if not curve.truths:
        notes.append("There is no true box, so no figure of boxes is defined.")
    elif not len(found):
        notes.append("The model found no box: average precision is 0, and there is no F1.")
    else:
        if not rankable(found):
            notes.append(
                "All found boxes have the same score, so they cannot be ranked: average "
                "precision is undefined."
            )
        if threshold is None:
            notes.append("No found box hits a true one, so there is no best F1.")
        else:
            notes.append(_OPTIMISTIC)
        short = [rate for rate in FALSE_BOXES if rate > drawn]
        if short:
            notes.append(
                f"The model draws {drawn:.3g} false boxes an image in all; the shares found at "
                f"{short[0]:g} and more are those of all its boxes."
            )
    if sizeless:
        notes.append(f"{sizeless} images of unknown size are left out of the figures by size.")
    if len(np.unique(cases.clusters)) < 2:
        notes.append("All images are one cluster, so there are no intervals.")
    return notes


def _figure(estimate: Estimate, n: int) -> FigureValue:
    return json_figure(Figure(estimate.value, estimate.low, estimate.high, n))
