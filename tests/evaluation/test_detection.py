"""Average precision equals the COCO reference on random cases."""

from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

from fractura.evaluation.detection import (
    intersection_over_union,
    match,
    pooled_average_precision,
)


def random_boxes(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    corner = random.uniform(0, 80, (count, 2))
    return np.concatenate([corner, corner + random.uniform(4, 40, (count, 2))], axis=1)


def reference(
    truths: list[NDArray[np.float64]],
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> float:
    """AP50 by faster-coco-eval, which equals pycocotools."""

    def entry(image: int, box: NDArray[np.float64]) -> dict[str, object]:
        x, y, right, bottom = box.tolist()
        width, height = right - x, bottom - y
        return {
            "image_id": image, "category_id": 1, "iscrowd": 0,
            "bbox": [x, y, width, height], "area": width * height,
        }  # fmt: skip

    annotations = [entry(i, box) for i, boxes in enumerate(truths) for box in boxes]
    data = {
        "images": [{"id": i, "width": 200, "height": 200} for i in range(len(truths))],
        "annotations": [{"id": k + 1, **item} for k, item in enumerate(annotations)],
        "categories": [{"id": 1, "name": "fracture"}],
    }
    results = [
        {**entry(i, box), "score": float(score)}
        for i, (boxes, scores) in enumerate(found)
        for box, score in zip(boxes, scores, strict=True)
    ]
    coco = COCO(data)
    evaluation = COCOeval_faster(coco, coco.loadRes(results), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return float(evaluation.stats[1])


@pytest.mark.parametrize("seed", range(12))
def test_average_precision_equals_coco(seed: int) -> None:
    random = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(25):
        boxes = random_boxes(random, int(random.integers(0, 4)))
        near = boxes + random.normal(0, 3, boxes.shape)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        guesses = np.concatenate([near, random_boxes(random, int(random.integers(0, 6)))])
        truths.append(boxes)
        found.append((guesses, random.random(len(guesses))))
    matches = [
        match(boxes, scores, truth) for (boxes, scores), truth in zip(found, truths, strict=True)
    ]
    assert pooled_average_precision(matches) == pytest.approx(reference(truths, found), abs=1e-6)


def test_counting_an_image_twice_equals_listing_it_twice() -> None:
    random = np.random.default_rng(5)
    matches = []
    for _ in range(8):
        boxes = random_boxes(random, 2)
        guesses = np.concatenate([boxes + 1.5, random_boxes(random, 2)])
        matches.append(match(guesses, random.random(4), boxes))
    counts = np.array([2, 0, 1, 3, 1, 0, 1, 2])
    listed = [item for item, count in zip(matches, counts, strict=True) for _ in range(count)]
    assert pooled_average_precision(matches, counts) == pytest.approx(
        pooled_average_precision(listed)
    )


def test_nothing_to_find_is_undefined_and_nothing_found_is_zero() -> None:
    empty = np.zeros((0, 4))
    box = np.array([[0.0, 0, 10, 10]])
    assert np.isnan(pooled_average_precision([match(box, np.ones(1), empty)]))
    assert pooled_average_precision([match(empty, np.zeros(0), box)]) == 0


def test_overlap_of_half_shifted_squares() -> None:
    overlap = intersection_over_union(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2]]))
    np.testing.assert_allclose(overlap, [[1 / 3]])
