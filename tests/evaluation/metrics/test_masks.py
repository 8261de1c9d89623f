"""Masks against COCO's, against areas known exactly, and where there are none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faster_coco_eval.core import mask as coco_mask
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.record import Outline
from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import OVERLAPS
from fractura.evaluation.metrics.masks import mask_overlap, mask_pairs, masks
from tests.evaluation.coco_reference import coco_precisions, tools
from tests.evaluation.metrics.test_boxes import make_cases

SIDE = 400
TOLERANCE = 0.01
"""Of overlaps: COCO draws by the pixel, ours finer, on outlines 25 pixels wide and more."""


def star(random: np.random.Generator, centre: Any, radius: float) -> Outline:
    """A polygon whose corners lie around a centre, not convex."""
    angles = np.sort(random.uniform(0, 2 * np.pi, 12))
    reach = radius * random.uniform(0.75, 1, 12)
    points = np.stack([centre[0] + reach * np.cos(angles), centre[1] + reach * np.sin(angles)], 1)
    return tuple((float(x), float(y)) for x, y in points.clip(1, SIDE - 1))


def moved(random: np.random.Generator, outline: Outline, by: float) -> Outline:
    step = random.normal(0, by, 2)
    return tuple((float(x + step[0]), float(y + step[1])) for x, y in outline)


def flat(outline: Outline) -> list[float]:
    return [value for point in outline for value in point]


def coco_overlap(one: Outline, other: Outline) -> float:
    drawn = [coco_mask.frPyObjects([flat(some)], SIDE, SIDE) for some in (one, other)]
    return float(coco_mask.iou(drawn[0], drawn[1], [0])[0, 0])


def outlined(lists: list[list[tuple[Outline, float]]]) -> Boxes:
    ranked = [pair for one in lists for pair in sorted(one, key=lambda pair: -pair[1])]
    corners = [(*np.min(outline, axis=0), *np.max(outline, axis=0)) for outline, _ in ranked]
    return Boxes(
        case=np.repeat(np.arange(len(lists)), [len(one) for one in lists]),
        corners=np.array(corners).reshape(-1, 4),
        scores=np.array([score for _, score in ranked]),
        outlines=tuple((outline,) for outline, _ in ranked),
    )


def random_outlines(seed: int) -> Cases:
    random = np.random.default_rng(seed)
    truths: list[list[tuple[Outline, float]]] = []
    found: list[list[tuple[Outline, float]]] = []
    for _ in range(16):
        true = [star(random, random.uniform(80, 320, 2), random.uniform(25, 70))
                for _ in range(int(random.integers(0, 3)))]  # fmt: skip
        near = [moved(random, one, 6) for one in true for _ in range(2)]
        far = [star(random, random.uniform(80, 320, 2), 40)]
        truths.append([(one, 1.0) for one in true])
        found.append([(one, float(random.random())) for one in near + far])
    cases = make_cases([[(0, 0, 1, 1, 1)] * len(one) for one in truths], [[]] * len(truths))
    return replace(cases, truths=outlined(truths), found=outlined(found))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_overlaps_of_masks_are_close_to_coco(seed: int) -> None:
    random = np.random.default_rng(seed)
    one = star(random, (200, 200), random.uniform(25, 150))
    other = moved(random, star(random, (200, 200), random.uniform(25, 150)), 10)
    assert mask_overlap((one,), (other,)) == pytest.approx(coco_overlap(one, other), abs=TOLERANCE)


@pytest.mark.parametrize("size", [3.0, 40.0, 3000.0])
def test_overlap_of_known_areas(size: float) -> None:
    square = ((0.0, 0.0), (size, 0.0), (size, size), (0.0, size))
    half = ((0.0, 0.0), (size, 0.0), (0.0, size))
    lower = ((0.0, size / 2), (size, size / 2), (size, size), (0.0, size))
    assert mask_overlap((square,), (square,)) == 1
    assert mask_overlap((square,), (half,)) == pytest.approx(0.5, abs=0.005)
    assert mask_overlap((square,), (half, lower)) == pytest.approx(7 / 8, abs=0.005)
    away = tuple((x + 2 * size, y) for x, y in square)
    assert mask_overlap((square,), (away,)) == 0


def coco_result(cases: Cases) -> np.ndarray[Any, np.dtype[np.float64]]:
    assert cases.found is not None
    assert cases.found.outlines is not None
    assert cases.truths is not None
    assert cases.truths.outlines is not None

    def entry(case: int, outlines: tuple[Outline, ...]) -> dict[str, Any]:
        drawn = coco_mask.frPyObjects([flat(outlines[0])], SIDE, SIDE)[0]
        return {
            "image_id": int(case), "category_id": 1, "iscrowd": 0, "segmentation": drawn,
            "area": float(coco_mask.area(drawn)), "bbox": coco_mask.toBbox(drawn).tolist(),
        }  # fmt: skip

    truths = [
        entry(case, one) for case, one in zip(cases.truths.case, cases.truths.outlines, strict=True)
    ]
    found = [
        {**entry(case, one), "score": float(score)}
        for case, one, score in zip(
            cases.found.case, cases.found.outlines, cases.found.scores, strict=True
        )
    ]
    return coco_precisions(tools()[0], len(cases), truths, found, "segm")[:, 0]


def clear_of(cases: Cases, overlap: float) -> bool:
    """Whether no overlap is so close to a threshold that drawing decides."""
    assert cases.found is not None
    assert cases.found.outlines is not None
    assert cases.truths is not None
    assert cases.truths.outlines is not None
    pairs = mask_pairs(
        cases.found, cases.found.outlines, cases.truths, cases.truths.outlines, overlap - TOLERANCE
    )
    return bool((np.abs(pairs.overlap - overlap) > TOLERANCE).all())


def test_average_precision_of_masks_equals_coco_where_drawing_does_not_decide() -> None:
    checked = 0
    for seed in range(40):
        cases = random_outlines(seed)
        section = masks(cases, samples=2)
        assert section is not None
        expected = coco_result(cases)
        for name, overlap in (("mask_ap50", 0.5), ("mask_ap75", 0.75)):
            if clear_of(cases, overlap):
                checked += 1
                value = section["figures"][name]["value"]
                assert value == pytest.approx(expected[OVERLAPS.index(overlap)], abs=1e-6)
        mean = section["figures"]["mask_ap50_95"]["value"]
        assert mean == pytest.approx(expected.mean(), abs=0.05)
    assert checked >= 10


def test_outlines_that_fill_their_boxes_give_the_boxes_average_precision() -> None:
    square: Outline = ((10, 10), (60, 10), (60, 60), (10, 60))
    beside: Outline = ((20, 10), (70, 10), (70, 60), (20, 60))
    cases = make_cases([[(10, 10, 60, 60, 1)], []], [[], []])
    cases = replace(
        cases, truths=outlined([[(square, 1.0)], []]), found=outlined([[(beside, 0.5)], []])
    )
    section = masks(cases, samples=5)
    assert section is not None
    assert section["figures"]["mask_ap50"]["value"] == 1
    assert section["figures"]["mask_ap75"]["value"] == 0
    json.dumps(section, allow_nan=False)


def test_without_outlines_there_is_no_section_and_a_missing_one_is_a_rectangle() -> None:
    cases = random_outlines(0)
    assert cases.found is not None
    assert cases.truths is not None
    assert cases.found.outlines is not None
    assert masks(replace(cases, found=replace(cases.found, outlines=None)), samples=2) is None
    assert masks(replace(cases, truths=replace(cases.truths, outlines=None)), samples=2) is None
    assert masks(replace(cases, found=None), samples=2) is None
    bare = replace(cases.found, outlines=((), *cases.found.outlines[1:]))
    section = masks(replace(cases, found=bare), samples=2)
    assert section is not None
    assert "1 found boxes have no outline and count as rectangles." in section["notes"]


def test_equal_scores_and_no_truths_are_undefined() -> None:
    cases = random_outlines(0)
    assert cases.found is not None
    alike = replace(cases.found, scores=np.full(len(cases.found), 0.5))
    nothing = outlined([[] for _ in range(len(cases))])
    for changed, word in (
        (replace(cases, found=alike), "ranked"),
        (replace(cases, truths=nothing), "no true outline"),
    ):
        section = masks(changed, samples=2)
        assert section is not None
        assert {figure["value"] for figure in section["figures"].values()} == {None}
        assert word in section["notes"][0]
