"""What a training step gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fractura.findings import REGIONS


@dataclass(frozen=True, slots=True)
class Label:
    """What a training image is to teach.

    Attributes:
        target: index of its class, -1 where unknown.
        fractured: 1 or 0, nan where unknown.
        regions: those of :data:`fractura.findings.REGIONS` in view; others are ignored.
        weight: of its loss.
        copies: how often an epoch shows it.
    """

    target: int = -1
    fractured: float = math.nan
    regions: tuple[str, ...] = ()
    weight: float = 1.0
    copies: int = 1


class TrainingItem(NamedTuple):
    """One image ``[1, H, W]``; the rest as in :class:`Batch`."""

    image: Tensor
    boxes: Tensor
    fractured: float
    target: int
    regions: Tensor
    weight: float


class Batch(NamedTuple):
    """``B`` training images.

    Attributes:
        images: float32 ``[B, 1, H, W]``, as made by
            :func:`fractura.imaging.preprocess.preprocess`.
        boxes: around the fractures, float32 ``[n, 4]`` an image (x_min, y_min, x_max, y_max), in
            pixels of the images.
        fractured: float32 ``[B]``: 1, 0, or nan where unknown.
        target: int64 ``[B]``: index of the class, -1 where unknown.
        regions: float32 ``[B, 4]``: shares of the regions in view, zeros where unknown.
        weight: float32 ``[B]``: of each image's loss.
    """

    images: Tensor
    boxes: list[Tensor]
    fractured: Tensor
    target: Tensor
    regions: Tensor
    weight: Tensor


def region_shares(regions: Sequence[str]) -> Tensor:
    """One share ``[4]`` for each region in view, summing to 1; zeros where unknown."""
    shares = torch.tensor([float(region in regions) for region in REGIONS])
    return shares / shares.sum().clamp(min=1)


def collate(items: Sequence[TrainingItem]) -> Batch:
    """Stack images of one size; boxes stay one tensor an image."""
    return Batch(
        images=torch.stack([item.image for item in items]),
        boxes=[item.boxes for item in items],
        fractured=torch.tensor([item.fractured for item in items], dtype=torch.float32),
        target=torch.tensor([item.target for item in items]),
        regions=torch.stack([item.regions for item in items]),
        weight=torch.tensor([item.weight for item in items], dtype=torch.float32),
    )
