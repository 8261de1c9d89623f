"""The loss of the multi-task network: centre heat maps, boxes, image label and region."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid
from torchvision.ops import generalized_box_iou_loss

from fractura.models.network import STRIDE, NetworkOutput

KERNEL_SHARE = 0.54
"""Share of a box that its Gaussian kernel spans (TTFNet's alpha)."""


class Targets(NamedTuple):
    """Labels of ``B`` images.

    Attributes:
        boxes: one ``[n, 4]`` tensor an image, in input pixels.
        fractured: float ``[B]``, 0 or 1.
        regions: float ``[B, 4]``, shares that sum to 1, or to 0 where unknown.
        weight: float ``[B]``, of each image's part in the loss.
    """

    boxes: list[Tensor]
    fractured: Tensor
    regions: Tensor
    weight: Tensor


def multi_task_loss(output: NetworkOutput, targets: Targets) -> dict[str, Tensor]:
    """The weighted terms of the loss, by name; their sum is minimised.

    Heat map and boxes as in TTFNet (Liu et al. 2020, arXiv 1909.00700): penalty-reduced focal
    loss, and generalised-IoU loss weighted by the Gaussian kernel around each centre.
    """
    rows, columns = output.scores.shape[1:]
    heat, weight, boxes = zip(
        *(dense_targets(item, rows, columns) for item in targets.boxes), strict=True
    )
    heat_map, weights = torch.stack(heat), torch.stack(weight) * targets.weight[:, None, None]
    count = max(1, sum(len(item) for item in targets.boxes))
    chosen = weights > 0
    iou_loss = generalized_box_iou_loss(output.boxes[chosen], torch.stack(boxes)[chosen])
    known = targets.regions.sum(1) > 0
    terms = {
        "heat": (focal(output.scores, heat_map) * targets.weight).sum() / count,
        "boxes": 5 * (iou_loss * weights[chosen]).sum() / weights.sum().clamp(min=1e-4),
        "image": binary_cross_entropy_with_logits(output.image, targets.fractured, targets.weight),
    }
    if known.any():
        losses = cross_entropy(output.regions[known], targets.regions[known], reduction="none")
        terms["region"] = 0.2 * (losses * targets.weight[known]).mean()
    return terms


def focal(logits: Tensor, heat_map: Tensor) -> Tensor:
    """Penalty-reduced focal loss (Law and Deng 2018, arXiv 1808.01244, eq. 1), ``[B]``."""
    probability = logits.sigmoid()
    centre = heat_map == 1
    hit = (1 - probability) ** 2 * logsigmoid(logits)
    miss = (1 - heat_map) ** 4 * probability**2 * logsigmoid(-logits)
    return -torch.where(centre, hit, miss).sum((1, 2))


def dense_targets(boxes: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Heat map ``[rows, columns]``, regression weights likewise, box of each cell ``[…, 4]``.

    Larger boxes are drawn first, so that a small one inside keeps its cells. The regression
    weights of one box sum to the logarithm of its area, as in TTFNet.
    """
    heat = torch.zeros(rows, columns)
    weight = torch.zeros(rows, columns)
    assigned = torch.zeros(rows, columns, 4)
    y = torch.arange(rows)[:, None] + 0.5
    x = torch.arange(columns)[None] + 0.5
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    for index in areas.argsort(descending=True).tolist():
        box = boxes[index] / STRIDE
        column = int(((box[0] + box[2]) / 2).clamp(0, columns - 1))
        row = int(((box[1] + box[3]) / 2).clamp(0, rows - 1))
        deviation = ((box[2:] - box[:2]) * KERNEL_SHARE / 6).clamp(min=0.35)
        kernel = torch.exp(
            -((x - column - 0.5) ** 2) / (2 * deviation[0] ** 2)
            - (y - row - 0.5) ** 2 / (2 * deviation[1] ** 2)
        )
        kernel = torch.where(kernel < 0.01, 0.0, kernel)
        kernel[row, column] = 1.0
        inside = kernel > 0
        heat = torch.maximum(heat, kernel)
        weight[inside] = (kernel / kernel.sum() * areas[index].clamp(min=2).log())[inside]
        assigned[inside] = boxes[index]
    return heat, weight, assigned
