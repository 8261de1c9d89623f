"""What the Lightning module computes in a step, and of the whole validation set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fractura.datasets.record import Record
from fractura.training.data.batch import TrainingItem, collate
from fractura.training.tasks import task_adapter
from fractura.training.tasks.adapter import NO_BOXES, NO_LOGITS, UncalibratedPrediction
from fractura.training.validation_metrics import figure_names, figures

from .noise import MARK, recipe


def raw(index: int, *logits: float) -> UncalibratedPrediction:
    return UncalibratedPrediction(index, np.array(logits), NO_BOXES, NO_LOGITS, NO_BOXES)


def record(index: int, label: Any) -> Record:
    marks = (MARK,) if label == "fracture" else ()
    return Record(id=f"a/{index}", path=Path(), source="a", label=label, annotations=marks)


RECORDS = [record(0, "fracture"), record(1, "no fracture"), record(2, "fracture")]
CLASSES = ("no fracture", "fracture")


def test_figures_of_known_answers() -> None:
    raws = [raw(0, 0, 2), raw(1, 0, 0), raw(2, 0, -1)]
    found = figures(raws, RECORDS, "binary-fracture", CLASSES)
    one, two = np.log1p(np.exp(-2)), np.log1p(np.exp(1))
    assert found["loss"] == pytest.approx((one + np.log(2) + two) / 3)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(3 / 4)
    assert found["auroc"] == pytest.approx(1 / 2)


@pytest.mark.parametrize("task", ["binary-fracture", "detection"])
@pytest.mark.parametrize("records", [RECORDS, RECORDS[:1], RECORDS[1:2]])
def test_figures_are_known_before_training(task: Any, records: list[Record]) -> None:
    raws = [raw(index, 0, index - 1.0) for index in range(len(records))]
    if task == "detection":
        box = np.array([MARK.box.as_list()], np.float32)
        truths = [box if item.label == "fracture" else NO_BOXES for item in records]
        raws = [
            item._replace(boxes=box, box_logits=np.ones(1), truths=truth)
            for item, truth in zip(raws, truths, strict=True)
        ]
    found = figures(raws, records, task, CLASSES)
    assert list(found) == figure_names(records, task, CLASSES)


class Linear(nn.Module):
    """Answers with the means of the image's halves, as logits."""

    def forward(self, images: torch.Tensor) -> Any:
        from fractura.models.classifiers import ClassifierOutput

        halves = images.flatten(1).unflatten(1, (2, -1)).mean(2)
        return ClassifierOutput(halves, halves)


def batch(weights: list[float]) -> Any:
    items = [
        TrainingItem(
            image=torch.full((1, 2, 2), float(k)),
            boxes=torch.zeros(0, 4),
            fractured=k % 2,
            target=k % 2,
            regions=torch.zeros(4, dtype=torch.bool),
            growth_plates=float("nan"),
            weight=w,
            located=True,
        )
        for k, w in enumerate(weights)
    ]
    items[1].image[:, 1] = 3
    return collate(items)


def test_losses_are_averaged_by_weight() -> None:
    chosen, ones = recipe(), torch.ones(2)
    losses = task_adapter(chosen).losses
    first = losses(Linear(), batch([1, 0]), chosen, ones)["class"]
    second = losses(Linear(), batch([0, 1]), chosen, ones)["class"]
    both = losses(Linear(), batch([1, 3]), chosen, ones)["class"]
    assert first == pytest.approx(np.log(2))
    assert second == pytest.approx(np.log1p(np.exp(-2)))
    assert both == pytest.approx((first + 3 * second) / 4)
    assert losses(Linear(), batch([0, 0]), chosen, ones)["class"] == 0


def test_focal_loss_and_binary_cross_entropy() -> None:
    ones = torch.ones(2)
    focal = recipe(objective={"loss": "focal", "focal_gamma": 2})
    found = task_adapter(focal).losses(Linear(), batch([0, 1]), focal, ones)["class"]
    share = 1 / (1 + np.exp(-2))
    assert found == pytest.approx((1 - share) ** 2 * -np.log(share), rel=1e-5)
    each = recipe(objective={"loss": "binary-cross-entropy"})
    found = task_adapter(each).losses(Linear(), batch([0, 1]), each, ones)["class"]
    assert found == pytest.approx((np.log1p(np.exp(1)) + np.log1p(np.exp(-3))) / 2, rel=1e-5)
