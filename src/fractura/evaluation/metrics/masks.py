"""How well outlines are found: average precision by the overlap of masks.

The section ``masks`` of a scorecard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import Outline
from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import OVERLAPS, Pairs, best_of_each_case, match_pairs, pairs_of
from fractura.evaluation.interval import Figure, bootstrap_all, json_figure
from fractura.evaluation.metrics.boxes import comparable, rankable, ranks_by_id
from fractura.evaluation.ranked_boxes import RankedBoxes

Floats = NDArray[np.float64]
Shape = tuple[Outline, ...]

_SIDE = 512
_FRACTION_BITS = 8
_ANY = 1e-9


def masks(cases: Cases, *, samples: int = 2000, seed: int = 0) -> dict[str, Any] | None:
    """Average precision of outlines, by COCO's rules; see ``figures.boxes.detection``.

    A box without an outline counts as its rectangle.

    Args:
        cases: single images.
        samples: bootstrap samples.
        seed: of their drawing.

    Returns:
        ``figures`` and ``notes``, JSON-ready; ``None`` where true or found boxes have no
        outlines.
    """
    cases, notes = comparable(cases)
    if cases.found is None or cases.truths is None or not len(cases):
        return None
    if cases.found.outlines is None or cases.truths.outlines is None:
        return None
    found = best_of_each_case(cases.found)
    true_shapes, missing = _shapes(cases.truths)
    found_shapes, found_missing = _shapes(found)
    for count, whose in ((missing, "true"), (found_missing, "found")):
        if count:
            notes.append(f"{count} {whose} boxes have no outline and count as rectangles.")
    pairs = mask_pairs(found, found_shapes, cases.truths, true_shapes)
    pool = RankedBoxes(match_pairs(found, cases.truths, pairs, len(cases)), ranks_by_id(cases))
    ranked = rankable(found)
    if not len(cases.truths):
        notes.append("There is no true outline, so no figure is defined.")
    elif not ranked:
        notes.append("All found outlines have the same score, so they cannot be ranked.")

    def measure(counts: Floats) -> dict[str, Floats]:
        values = pool.average_precision(counts)
        mean = np.mean([values[overlap] for overlap in OVERLAPS], axis=0)
        named = {"mask_ap50": values[0.5], "mask_ap75": values[0.75], "mask_ap50_95": mean}
        return named if ranked else {name: np.full(len(counts), np.nan) for name in named}

    estimates = bootstrap_all(measure, cases.clusters, samples=samples, seed=seed)
    return {
        "figures": {
            name: json_figure(Figure(one.value, one.low, one.high, len(cases)))
            for name, one in estimates.items()
        },
        "notes": notes,
    }


def mask_overlap(shape: Shape, other: Shape) -> float:
    """Intersection over union, in 0..1, of two sets of polygons.

    They are drawn by OpenCV in their joint window, at no fewer than 512 points along its longer
    side, so that small outlines are measured finer than by the pixel.
    """
    corners = np.concatenate([np.asarray(outline) for outline in (*shape, *other)])
    low, high = corners.min(0), corners.max(0)
    scale = max(1.0, _SIDE / max(float((high - low).max()), 1e-6))
    width, height = np.ceil((high - low) * scale).astype(int) + 1
    one, two = (_raster(some, low, scale, (int(height), int(width))) for some in (shape, other))
    union = np.count_nonzero(one | two)
    return np.count_nonzero(one & two) / union if union else 0.0


def mask_pairs(
    found: Boxes,
    found_shapes: Sequence[Shape],
    truths: Boxes,
    true_shapes: Sequence[Shape],
    least: float = OVERLAPS[0],
) -> Pairs:
    """Found and true outlines of one case that overlap by at least ``least``."""
    pairs = pairs_of(_bounds(found, found_shapes), _bounds(truths, true_shapes), _ANY)
    overlap = np.array(
        [
            mask_overlap(found_shapes[one], true_shapes[other])
            for one, other in zip(pairs.found, pairs.truth, strict=True)
        ],
        dtype=np.float64,
    )
    near = overlap >= least
    return Pairs(pairs.found[near], pairs.truth[near], overlap[near])


def _raster(shape: Shape, low: Floats, scale: float, size: tuple[int, int]) -> NDArray[np.uint8]:
    canvas = np.zeros(size, dtype=np.uint8)
    for outline in shape:
        points = ((np.asarray(outline) - low) * scale - 0.5) * 2**_FRACTION_BITS
        cv2.fillPoly(canvas, [points.round().astype(np.int32)], 1, shift=_FRACTION_BITS)
    return canvas


def _shapes(boxes: Boxes) -> tuple[list[Shape], int]:
    """Outlines of each box, its rectangle where it has none, and how many have none."""
    assert boxes.outlines is not None
    shapes = [
        outlines or (_rectangle(corners),)
        for outlines, corners in zip(boxes.outlines, boxes.corners, strict=True)
    ]
    return shapes, sum(not outlines for outlines in boxes.outlines)


def _rectangle(corners: Floats) -> Outline:
    left, top, right, bottom = corners.tolist()
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _bounds(boxes: Boxes, shapes: Sequence[Shape]) -> Boxes:
    corners = np.zeros((len(boxes), 4))
    for index, shape in enumerate(shapes):
        points = np.concatenate([np.asarray(outline) for outline in shape])
        corners[index] = *points.min(0), *points.max(0)
    return replace(boxes, corners=corners)
