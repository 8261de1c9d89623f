"""The second look: a magnifier on top of a multi-task network that is trained already."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from torchvision.ops import box_iou, generalized_box_iou_loss

from fractura.models.magnifier import (
    MagnifiedNetwork,
    enlarged,
    load_first,
    seen_boxes,
    sides_of,
    suspicious,
)
from fractura.training.data.batch import Batch
from fractura.training.recipe import Recipe
from fractura.training.tasks.learner import Learner
from fractura.training.tasks.multi_task import monitor, read

MARKED = 6
"""How often each marked fracture is shown, each time displaced and resized otherwise."""
MOST_MARKED = 12
FOUND = 5
"""Places of the first network that are shown of each image, the suspicious ones more often."""
RANKS = 5.0
"""Ranks over which the chance to be shown falls to 1/e."""
HIT, TOUCHED, MISSED = 0.3, 0.2, 0.1
"""Overlaps from which a place shows a fracture, and its box is learnt; below which it shows none.
Between the last and the first it teaches no score."""


class Places(NamedTuple):
    """``N`` places to look at.

    Attributes:
        number: ``[N]``, the image of each.
        boxes: ``[N, 4]``, what is suspected there.
        truths: ``[N, 4]``, the marked box that overlaps it most; zeros without one.
        overlap: ``[N]``, intersection over union of both.
    """

    number: Tensor
    boxes: Tensor
    truths: Tensor
    overlap: Tensor


def build(recipe: Recipe, classes: int) -> nn.Module:
    """The magnified network; ``pretrained`` is the weights of a multi-task run."""
    network = MagnifiedNetwork(recipe.model.channels)
    if recipe.model.pretrained != "none":
        load_first(network, recipe.model.pretrained)
    return network


def losses(
    network: MagnifiedNetwork, batch: Batch, recipe: Recipe, class_weights: Tensor
) -> dict[str, Tensor]:
    """Score and box of places that the first network proposes or that are marked."""
    images = batch.images.contiguous(memory_format=torch.channels_last)
    places = choose(network, images, batch)
    logits, sides = network.magnifier(*enlarged(images, places.number, places.boxes))
    hit = (places.overlap >= HIT).to(logits.dtype)
    told = (places.overlap < MISSED) | (places.overlap >= HIT)
    near = places.overlap >= TOUCHED
    weight = batch.weight[places.number]
    score = binary_cross_entropy_with_logits(logits, hit, weight * told)
    if not near.any():
        return {"score": score}
    boxes, truths, weight = places.boxes[near], places.truths[near], weight[near]
    giou = generalized_box_iou_loss(seen_boxes(boxes, sides[near]), truths)
    apart = smooth_l1_loss(sides[near], sides_of(boxes, truths), reduction="none", beta=0.2)
    return {
        "score": score,
        "boxes": (giou * weight).mean(),
        "sides": (apart.mean(1) * weight).mean(),
    }


@torch.no_grad()
def choose(network: MagnifiedNetwork, images: Tensor, batch: Batch) -> Places:
    """Draw places of a batch; images that may show unmarked fractures are left out."""
    output = network.first(images)
    _, cells = suspicious(output.scores)
    found = output.boxes.flatten(1, 2).gather(1, cells[:, :, None].expand(-1, -1, 4))
    chance = torch.exp(-torch.arange(found.shape[1], device=images.device) / RANKS)
    numbers, boxes, truths, overlaps = [], [], [], []
    for index, marked in enumerate(batch.boxes):
        if not len(marked) and batch.fractured[index] != 0:
            continue
        drawn = found[index][chance.multinomial(FOUND)]
        shown = torch.cat([drawn, displaced(marked)])
        best, of = torch.zeros(len(shown)).to(shown), torch.zeros_like(shown)
        if len(marked):
            best, nearest = box_iou(shown, marked).max(1)
            of = marked[nearest]
        numbers.append(torch.full((len(shown),), index, device=images.device))
        boxes.append(shown)
        truths.append(of)
        overlaps.append(best)
    return Places(torch.cat(numbers), torch.cat(boxes), torch.cat(truths), torch.cat(overlaps))


def displaced(marked: Tensor) -> Tensor:
    """Boxes about as far from the marked ones ``[n, 4]`` as a first network's are."""
    boxes = marked.repeat(MARKED, 1)[: max(MOST_MARKED, len(marked))]
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    centres = centres + 0.2 * torch.randn_like(centres) * sizes
    factors = 0.25 * torch.randn_like(sizes) + 0.12 * torch.randn_like(sizes[:, :1])
    half = sizes * factors.exp() / 2
    return torch.cat([centres - half, centres + half], 1)


LEARNER = Learner(("multi-task",), build, losses, read, monitor)
