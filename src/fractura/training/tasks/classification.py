"""Classifiers: one answer an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot

from fractura.models.classifiers import Classifier, build_classifier
from fractura.training.data.batch import Batch
from fractura.training.data.loader import EvaluationImage
from fractura.training.recipe import Objective, Recipe, Task
from fractura.training.tasks.adapter import NO_BOXES, NO_LOGITS, TaskAdapter, UncalibratedPrediction


def build(recipe: Recipe, classes: int) -> nn.Module:
    """A classifier with a new head."""
    model = recipe.model
    return build_classifier(model.name, classes, pretrained=model.pretrained, dropout=model.dropout)


def losses(
    network: Classifier, batch: Batch, recipe: Recipe, class_weights: Tensor
) -> dict[str, Tensor]:
    """The recipe's loss, averaged over the batch by the records' weights."""
    targets = one_hot(batch.target, len(class_weights)).float()
    images = batch.images
    if recipe.objective.mixup:
        images, targets = mixup(images, targets, recipe.objective.mixup)
    logits = network(images).logits.float()
    each = class_loss(logits, targets, recipe.objective, class_weights)
    return {"class": (each * batch.weight).sum() / batch.weight.sum().clamp(min=1e-8)}


def mixup(images: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Blend every image and its label with another of the batch (arXiv 1710.09412)."""
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    other = torch.randperm(len(images), device=images.device)
    return (
        share * images + (1 - share) * images[other],
        share * targets + (1 - share) * targets[other],
    )


def class_loss(
    logits: Tensor, targets: Tensor, objective: Objective, class_weights: Tensor
) -> Tensor:
    """Loss of each image, ``[B]``, for logits and label shares ``[B, C]``."""
    smoothing = objective.label_smoothing
    if objective.loss == "binary-cross-entropy":
        smooth = targets * (1 - smoothing) + smoothing / 2
        each = binary_cross_entropy_with_logits(logits, smooth, reduction="none")
        return (each * class_weights).mean(1)
    loss = cross_entropy(
        logits, targets, weight=class_weights, label_smoothing=smoothing, reduction="none"
    )
    if objective.loss == "cross-entropy":
        return loss
    probability = (logits.softmax(1) * targets).sum(1)
    return (1 - probability) ** objective.focal_gamma * loss


def read(network: Classifier, samples: Sequence[EvaluationImage]) -> list[UncalibratedPrediction]:
    """Logits of square radiographs, all in one pass."""
    device = next(network.parameters()).device
    images = torch.cat([sample.image for sample in samples]).to(device)
    logits = network(images.contiguous(memory_format=torch.channels_last)).logits
    rows = logits.double().cpu().numpy()
    return [
        UncalibratedPrediction(sample.index, np.asarray(row), NO_BOXES, NO_LOGITS, sample.boxes)
        for sample, row in zip(samples, rows, strict=True)
    ]


def monitor(task: Task) -> str:
    """AUROC where the question is yes or no, else balanced accuracy."""
    binary = task in ("binary-fracture", "abnormality")
    return "valid/auroc" if binary else "valid/balanced_accuracy"


TASK = TaskAdapter(
    ("binary-fracture", "abnormality", "region", "fracture-type"), build, losses, read, monitor
)
