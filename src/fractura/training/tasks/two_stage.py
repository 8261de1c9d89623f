"""Two-stage refinement: refiners on top of multi-task networks that are trained already."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from torch.utils.data import DataLoader
from torchvision.ops import generalized_box_iou_loss

from fractura.errors import FracturaError
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.models.exported import fill_from_exported, is_exported
from fractura.models.two_stage import (
    CROP_SIDE,
    TwoStageNetwork,
    load_base,
    offsets_of,
    refined_boxes,
)
from fractura.reading.decode import decode
from fractura.training.data.batch import Label
from fractura.training.data.plan import Plan
from fractura.training.data.proposals import (
    HIT,
    MISSED,
    CropBatch,
    CropItem,
    ProposalCrops,
    crop_loader,
)
from fractura.training.data.store import ImageStore
from fractura.training.fit_growth_plates import fit_growth_plates
from fractura.training.recipe import Recipe
from fractura.training.tasks.adapter import EpochLoader, TaskAdapter
from fractura.training.tasks.multi_task import monitor, read

KEPT = 30
"""Proposals of each image that are kept."""
TOUCHED = 0.2
"""Overlap from which a fracture's box is learnt."""


def build(recipe: Recipe, classes: int) -> nn.Module:
    """The two-stage network, on the runs that ``model.base_runs`` names.

    Raises:
        FracturaError: it names none, or their weights cannot be had.
    """
    model = recipe.model
    if not model.base_runs:
        raise FracturaError(
            f"{model.name} stands on trained multi-task networks; name the weights.safetensors of "
            "their runs in model.base_runs"
        )
    network = TwoStageNetwork(
        model.channels,
        len(model.base_runs),
        model.mirror_tta,
        model.base_scales,
        model.crop_fill,
        hold_norm=model.hold_norm,
    )
    if model.pretrained != "none":
        load_base(network, model.base_runs)
    if is_exported(model.pretrained):
        fill_from_exported(network.refiners, model.pretrained, "refiners.")
    return network


def crops(
    network: TwoStageNetwork, store: ImageStore, labels: Sequence[Label], recipe: Recipe
) -> EpochLoader:
    """Batches of crops, :class:`fractura.training.data.proposals.CropBatch`.

    The base networks, of which only the growth-plate heads change, look at all images once, as
    they are.
    """
    fit_growth_plates(network, store, labels, recipe)
    plan = Plan(labels, store, recipe)
    proposals = find_proposals(network, store, recipe.data.preprocess)

    def load(epoch: int, workers: int, rank: int, world: int) -> DataLoader[CropItem]:
        drawn = ProposalCrops(store, plan, proposals, epoch, recipe)
        return crop_loader(drawn, recipe.trainer.batch_size, workers, rank, world)

    return load


@torch.no_grad()
def find_proposals(
    network: TwoStageNetwork, store: ImageStore, parameters: PreprocessConfig
) -> list[NDArray[np.float32]]:
    """Boxes ``[n, 4]`` that the base networks find in each image, in its pixels; best first."""
    network.eval()
    console = Console(stderr=True)
    shown = track(
        range(len(store)), "Finding proposals", console=console, disable=not sys.stderr.isatty()
    )
    found = []
    for index in shown:
        inputs, placement = preprocess(
            store.image(index).astype(np.float32) / np.float32(255), parameters
        )
        output = network.run_base(torch.from_numpy(inputs))
        boxes = decode(output.scores[0].numpy(), output.boxes[0].numpy()).boxes
        found.append(placement.to_source(boxes[:KEPT]))
    return found


def losses(
    network: TwoStageNetwork, batch: CropBatch, recipe: Recipe, class_weights: Tensor
) -> dict[str, Tensor]:
    """Score and box of each crop, averaged over the refiners."""
    parts = []
    for refiner, images in zip(network.refiners, batch.images.unbind(1), strict=True):
        pixels = images[:, None].contiguous(memory_format=torch.channels_last)
        logits, sides = refiner(pixels, batch.shapes)
        parts.append(_losses(logits, sides, batch))
    return {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}


def _losses(logits: Tensor, sides: Tensor, batch: CropBatch) -> dict[str, Tensor]:
    hit = (batch.overlap >= HIT).to(logits.dtype)
    told = (batch.overlap < MISSED) | (batch.overlap >= HIT)
    near = batch.overlap >= TOUCHED
    score = binary_cross_entropy_with_logits(logits, hit, batch.weight * told)
    if not near.any():
        return {"score": score}
    sides, truths, weight = sides[near], batch.truths[near], batch.weight[near]
    boxes = nominal(truths)
    giou = generalized_box_iou_loss(refined_boxes(boxes, sides), truths)
    apart = smooth_l1_loss(sides, offsets_of(boxes, truths), reduction="none", beta=0.2)
    return {
        "score": score,
        "boxes": (giou * weight).mean(),
        "sides": (apart.mean(1) * weight).mean(),
    }


def nominal(truths: Tensor) -> Tensor:
    """A square ``[n, 4]`` for each of ``truths``: a crop that the proposal fills."""
    return truths.new_tensor([0, 0, CROP_SIDE, CROP_SIDE]).expand(len(truths), 4)


TASK = TaskAdapter(("multi-task",), build, losses, read, monitor, crops)
