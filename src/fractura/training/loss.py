"""The loss of the multi-task network: centre heat maps, boxes, image label and region."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid
from torchvision.ops import generalized_box_iou_loss

from fractura.models.network import STRIDE, NetworkOutput

KERNEL_SHARE = 0.54
"""Share of a box that its Gaussian kernel spans (TTFNet's alpha)."""
REGION_WEIGHT, GROWTH_WEIGHT = 0.3, 0.3


class Targets(NamedTuple):
    """Labels of ``B`` images.

    Attributes:
        boxes: one ``[n, 4]`` tensor an image, in input pixels.
        fractured: float ``[B]``, 0 or 1, nan where unknown: such images do not train the image's
            logit.
        regions: bool ``[B, R]``, which regions may be in view; none where unknown.
        growth_plates: float ``[B]``, 1 open, 0 closed, nan unknown.
        weight: float ``[B]``, of each image's part in the loss.
        located: bool ``[B]``: the others do not train where fractures are.
    """

    boxes: list[Tensor]
    fractured: Tensor
    regions: Tensor
    growth_plates: Tensor
    weight: Tensor
    located: Tensor


def multi_task_loss(output: NetworkOutput, targets: Targets) -> dict[str, Tensor]:
    """The weighted terms of the loss, by name; their sum is minimised.

    Heat map and boxes as in TTFNet (Liu et al. 2020, arXiv 1909.00700): penalty-reduced focal
    loss, and generalised-IoU loss weighted by the Gaussian kernel around each centre.
    """
    rows, columns = output.scores.shape[1:]
    heat, weight, boxes = zip(
        *(dense_targets(item, rows, columns) for item in targets.boxes), strict=True
    )
    local = targets.weight * targets.located
    heat_map, weights = torch.stack(heat), torch.stack(weight) * local[:, None, None]
    count = max(1, sum(len(item) for item in targets.boxes))
    chosen = weights > 0
    iou_loss = generalized_box_iou_loss(output.boxes[chosen], torch.stack(boxes)[chosen])
    known = targets.regions.any(1)
    terms = {
        "heat": (focal(output.scores, heat_map) * local).sum() / count,
        "boxes": 5 * (iou_loss * weights[chosen]).sum() / weights.sum().clamp(min=1e-4),
    }
    told = ~targets.fractured.isnan()
    if told.any():
        terms["image"] = binary_cross_entropy_with_logits(
            output.image[told], targets.fractured[told], targets.weight[told]
        )
    if known.any():
        losses = any_of(output.regions[known], targets.regions[known])
        terms["region"] = REGION_WEIGHT * (losses * targets.weight[known]).mean()
    seen = ~targets.growth_plates.isnan()
    if seen.any():
        terms["growth_plates"] = GROWTH_WEIGHT * binary_cross_entropy_with_logits(
            output.growth_plates[seen], targets.growth_plates[seen], targets.weight[seen]
        )
    return terms


def any_of(logits: Tensor, possible: Tensor) -> Tensor:
    """Cross-entropy ``[B]`` against a set: minus the logarithm of the probability of all its
    classes together.

    Args:
        logits: ``[B, R]``.
        possible: bool ``[B, R]``, at least one class of each.
    """
    return -logits.log_softmax(1).masked_fill(~possible, -torch.inf).logsumexp(1)


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
