"""The network that ships: boxes, image probability and region in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from fractura.models.network import FractureNetwork, load_pretrained
from fractura.reading.decode import decode
from fractura.training.data.batch import Batch
from fractura.training.data.loader import EvaluationImage
from fractura.training.loss import Targets, multi_task_loss
from fractura.training.recipe import Recipe, Task
from fractura.training.tasks.adapter import TaskAdapter, UncalibratedPrediction


def build(recipe: Recipe, classes: int) -> nn.Module:
    """The multi-task network; ``pretrained`` is torchvision's ``mobilenet_v2``."""
    network = FractureNetwork(recipe.model.channels, hold_norm=recipe.model.hold_norm)
    if recipe.model.pretrained != "none":
        load_pretrained(network, recipe.model.pretrained)
    if recipe.model.freeze_stem:
        network.freeze_early()
    return network


def losses(
    network: FractureNetwork, batch: Batch, recipe: Recipe, class_weights: Tensor
) -> dict[str, Tensor]:
    """Heat map, boxes, image and region; see :mod:`fractura.training.loss`."""
    images = batch.images.contiguous(memory_format=torch.channels_last)
    targets = Targets(
        batch.boxes,
        batch.fractured,
        batch.regions,
        batch.growth_plates,
        batch.weight,
        batch.located,
    )
    return multi_task_loss(network(images), targets)


def read(network: nn.Module, samples: Sequence[EvaluationImage]) -> list[UncalibratedPrediction]:
    """One radiograph at a time, since their shapes differ."""
    device = next(network.parameters()).device
    predictions = []
    for sample in samples:
        output = network(sample.image.to(device))
        found = decode(output.scores[0].cpu().numpy(), output.boxes[0].cpu().numpy())
        logits = np.array([0.0, float(output.image)])
        predictions.append(
            UncalibratedPrediction(
                sample.index, logits, found.boxes, found.logits.astype(np.float64), sample.boxes
            )
        )
    return predictions


def monitor(task: Task) -> str:
    """AP50 with normals counted."""
    return "valid/ap50"


TASK = TaskAdapter(("multi-task",), build, losses, read, monitor)
