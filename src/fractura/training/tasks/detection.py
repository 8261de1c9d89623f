"""torchvision's detectors: boxes around fractures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from fractura.models.detectors import Detector, build_detector
from fractura.reading.decode import DecodedBoxes, score_logits
from fractura.training.data.batch import Batch
from fractura.training.data.loader import EvaluationImage
from fractura.training.recipe import Recipe, Task
from fractura.training.tasks.adapter import TaskAdapter, UncalibratedPrediction


def build(recipe: Recipe, classes: int) -> nn.Module:
    """A detector of one class, fracture."""
    return build_detector(
        recipe.model.name, pretrained=recipe.model.pretrained, side=recipe.data.preprocess.long_side
    )


def losses(
    network: Detector, batch: Batch, recipe: Recipe, class_weights: Tensor
) -> dict[str, Tensor]:
    """The detector's own terms."""
    terms: dict[str, Tensor] = network(batch.images, batch.boxes)
    return terms


def read(network: Detector, samples: Sequence[EvaluationImage]) -> list[UncalibratedPrediction]:
    """Boxes; the radiograph's logit is that of its best box."""
    device = next(network.parameters()).device
    found = network(torch.cat([sample.image for sample in samples]).to(device))
    predictions = []
    for sample, item in zip(samples, found, strict=True):
        logits = score_logits(item.scores.cpu().numpy())
        seen = DecodedBoxes(item.boxes.cpu().numpy(), logits)
        image = np.array([0.0, seen.best])
        predictions.append(
            UncalibratedPrediction(
                sample.index, image, seen.boxes, logits.astype(np.float64), sample.boxes
            )
        )
    return predictions


def monitor(task: Task) -> str:
    """AP50 with normals counted."""
    return "valid/ap50"


TASK = TaskAdapter(("detection",), build, losses, read, monitor)
