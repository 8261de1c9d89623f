"""Average precision as the field's own libraries give it, to be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Detections = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Boxes ``[n, 4]`` and scores ``[n]``."""


def tools() -> list[tuple[Any, Any]]:
    """``COCO`` and ``COCOeval`` of faster-coco-eval, and of pycocotools where it is there."""
    from faster_coco_eval import COCO, COCOeval_faster

    found: list[tuple[Any, Any]] = [(COCO, COCOeval_faster)]
    try:
        coco = import_module("pycocotools.coco")
        evaluation = import_module("pycocotools.cocoeval")
    except ImportError:
        return found
    return [*found, (coco.COCO, evaluation.COCOeval)]


def box_entry(image: int, box: NDArray[np.float64]) -> dict[str, Any]:
    x, y, right, bottom = box.tolist()
    width, height = right - x, bottom - y
    return {
        "image_id": image, "category_id": 1, "iscrowd": 0,
        "bbox": [x, y, width, height], "area": width * height,
    }  # fmt: skip


def coco_precisions(
    tool: tuple[Any, Any],
    images: int,
    annotations: Sequence[dict[str, Any]],
    results: Sequence[dict[str, Any]],
    kind: str = "bbox",
) -> NDArray[np.float64]:
    """``[10 overlaps, 4 ranges of size]``: all, small, medium, large; ``nan`` where undefined."""
    coco_class, evaluation_class = tool
    coco = coco_class()
    coco.dataset = {
        "info": {},
        "images": [{"id": i, "width": 400, "height": 400} for i in range(images)],
        "annotations": [{"id": k + 1, **item} for k, item in enumerate(annotations)],
        "categories": [{"id": 1, "name": "fracture"}],
    }
    coco.createIndex()
    evaluation = evaluation_class(coco, coco.loadRes(list(results)), iouType=kind)
    evaluation.evaluate()
    evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, :, -1].mean(1)
    return np.where(precision < 0, np.nan, precision)


def coco_boxes(
    tool: tuple[Any, Any], truths: Sequence[NDArray[np.float64]], found: Sequence[Detections]
) -> NDArray[np.float64]:
    """:func:`coco_precisions` of boxes, a list of them for each image."""
    annotations = [box_entry(i, box) for i, boxes in enumerate(truths) for box in boxes]
    results = [
        {**box_entry(i, box), "score": float(score)}
        for i, (boxes, scores) in enumerate(found)
        for box, score in zip(boxes, scores, strict=True)
    ]
    return coco_precisions(tool, len(truths), annotations, results)
