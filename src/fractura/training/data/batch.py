"""What a training step gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from fractura.regions import CLASSES, possible_classes


@dataclass(frozen=True, slots=True)
class Label:
    """What a training image is to teach.

    Attributes:
        target: index of its class, -1 where unknown.
        fractured: 1 or 0, nan where unknown.
        regions: in view, as the manifest names them.
        growth_plates: 1 where they are open, 0 where closed, nan where unknown.
        weight: of its loss.
        copies: how often an epoch shows it.
        source: the data set that it comes from.
    """

    target: int = -1
    fractured: float = math.nan
    regions: tuple[str, ...] = ()
    growth_plates: float = math.nan
    weight: float = 1.0
    copies: int = 1
    source: str = ""


class TrainingItem(NamedTuple):
    """One image ``[1, H, W]``; the rest as in :class:`Batch`."""

    image: Tensor
    boxes: Tensor
    fractured: float
    target: int
    regions: Tensor
    growth_plates: float
    weight: float
    located: bool


class Batch(NamedTuple):
    """``B`` training images.

    Attributes:
        images: float32 ``[B, 1, H, W]``, as made by
            :func:`fractura.imaging.preprocess.preprocess`.
        boxes: around the fractures, float32 ``[n, 4]`` an image (x_min, y_min, x_max, y_max), in
            pixels of the images.
        fractured: float32 ``[B]``: 1, 0, or nan where unknown.
        target: int64 ``[B]``: index of the class, -1 where unknown.
        regions: bool ``[B, R]``: which of :data:`fractura.regions.CLASSES` may be in view; none
            where that is unknown.
        growth_plates: float32 ``[B]``: 1 open, 0 closed, nan unknown.
        weight: float32 ``[B]``: of each image's loss.
        located: bool ``[B]``: whether every fracture in the image is marked, or there is none.
    """

    images: Tensor
    boxes: list[Tensor]
    fractured: Tensor
    target: Tensor
    regions: Tensor
    growth_plates: Tensor
    weight: Tensor
    located: Tensor


def possible_regions(regions: Sequence[str]) -> Tensor:
    """Which classes ``[R]`` may be in view, by the manifest's words; none where unknown."""
    possible = possible_classes(regions)
    return torch.tensor([name in possible for name in CLASSES])


def collate(items: Sequence[TrainingItem]) -> Batch:
    """Stack images of one size; boxes stay one tensor an image."""
    return Batch(
        images=torch.stack([item.image for item in items]),
        boxes=[item.boxes for item in items],
        fractured=torch.tensor([item.fractured for item in items], dtype=torch.float32),
        target=torch.tensor([item.target for item in items]),
        regions=torch.stack([item.regions for item in items]),
        growth_plates=torch.tensor([item.growth_plates for item in items], dtype=torch.float32),
        weight=torch.tensor([item.weight for item in items], dtype=torch.float32),
        located=torch.tensor([item.located for item in items]),
    )
