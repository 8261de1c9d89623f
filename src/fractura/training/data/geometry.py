"""Turns, flips and affine maps of an image and its outlines, by torchvision's v2 transforms.

Outlines travel as key points, so that boxes are tight after a rotation. Coordinates are
continuous: a pixel covers 0 to 1. torchvision's affine map and rotation see it so; its flips
count from pixel centres, which half a pixel makes up for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from fractura.training.data.segments import Outline
from fractura.training.recipe import Augmentation

VISIBLE = 0.4
"""A fracture counts as shown if at least this share of its box stays in the frame."""


class Scene(NamedTuple):
    """An image, float32 ``[1, h, w]``, and the corners of all its outlines.

    Attributes:
        image: the pixels.
        corners: ``[n, 2]``, those of one outline after those of the other.
        counts: how many corners each outline has.
    """

    image: tv_tensors.Image
    corners: tv_tensors.KeyPoints
    counts: tuple[int, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.image.shape[-2], self.image.shape[-1]


def scene(pixels: NDArray[np.float32], outlines: Sequence[Outline]) -> Scene:
    """Take an image ``[h, w]`` and its outlines."""
    image = tv_tensors.Image(torch.from_numpy(pixels)[None])
    corners = np.concatenate([np.zeros((0, 2), np.float32), *outlines])
    counts = tuple(len(outline) for outline in outlines)
    return Scene(image, _points(torch.from_numpy(corners), image), counts)


def orient(
    item: Scene, frame: tuple[int, int], settings: Augmentation, random: np.random.Generator
) -> Scene:
    """Turn by quarters and flip, which changes no pixel's value.

    An image that lies is turned upright for a frame that stands, and the other way round.
    """
    height, width = item.size
    turns = int(random.integers(1, 4)) if random.random() < settings.quarter_turn else 0
    turns += (height - width) * (frame[0] - frame[1]) < 0
    if turns % 4:
        item = _turn(item, turns)
    if random.random() < settings.horizontal_flip:
        item = _flip(item, transforms.horizontal_flip)
    if random.random() < settings.vertical_flip:
        item = _flip(item, transforms.vertical_flip)
    return item


def place(item: Scene, frame: tuple[int, int], top: int = 0, left: int = 0) -> Scene:
    """Pad with zeros, so that the image lies in a frame; what it is larger by stays."""
    height, width = item.size
    bottom, right = max(0, frame[0] - top - height), max(0, frame[1] - left - width)
    padding = [left, top, right, bottom]
    image = transforms.pad(item.image, padding)
    return item._replace(image=image, corners=transforms.pad(item.corners, padding))


def move(
    item: Scene,
    content: tuple[int, int],
    frame: tuple[int, int],
    settings: Augmentation,
    random: np.random.Generator,
) -> Scene:
    """Rotate and scale around the middle of the content, shift, and crop to the frame.

    Args:
        item: the image on a frame at least as large.
        content: height and width of what is not padding, from the top left.
        frame: height and width of the result; the middle of a larger image is kept.
        settings: ranges.
        random: source of all randomness.
    """
    angle = float(random.uniform(-settings.rotation, settings.rotation))
    scale = float(np.exp(random.uniform(*np.log(settings.scale))))
    across, down = random.uniform(-1, 1, 2) * settings.translation * np.array(frame[::-1])
    if (angle, scale, across, down) != (0, 1, 0, 0):
        middle = [content[1] / 2, content[0] / 2]
        shift = [float(across), float(down)]
        item = item._replace(
            image=_affine(item.image, angle, shift, scale, middle),
            corners=_affine(item.corners, angle, shift, scale, middle),
        )
    height, width = item.size
    if (height, width) == frame:
        return item
    window = ((height - frame[0]) // 2, (width - frame[1]) // 2, *frame)
    return item._replace(
        image=transforms.crop(item.image, *window), corners=transforms.crop(item.corners, *window)
    )


def boxes(item: Scene) -> Tensor:
    """Tight boxes float32 ``[m, 4]`` of the outlines that are shown, clipped to the image."""
    height, width = item.size
    limit = torch.tensor([width, height, width, height], dtype=torch.float32)
    shown = []
    for points in item.corners.as_subclass(Tensor).split(item.counts):
        whole = torch.cat([points.amin(0), points.amax(0)])
        clipped = whole.clamp(torch.zeros(4), limit)
        area = _area(clipped)
        if area > 0 and area >= VISIBLE * _area(whole):
            shown.append(clipped)
    return torch.stack(shown) if shown else torch.zeros(0, 4)


def key_points(corners: Tensor, size: tuple[int, int]) -> tv_tensors.KeyPoints:
    """Points ``[n, 2]`` (x, y) on an image of this height and width."""
    return tv_tensors.KeyPoints(corners, canvas_size=size)


def _area(box: Tensor) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _affine(
    target: Tensor, angle: float, shift: list[float], scale: float, middle: list[float]
) -> Tensor:
    moved: Tensor = transforms.affine(
        target,
        angle=angle,
        translate=shift,
        scale=scale,
        shear=[0.0, 0.0],
        interpolation=InterpolationMode.BILINEAR,
        center=middle,
    )
    return moved


def _turn(item: Scene, turns: int) -> Scene:
    """Clockwise by quarters."""
    image = transforms.rotate(item.image, -90 * turns, expand=True)
    corners = transforms.rotate(item.corners, -90 * turns, expand=True)
    return item._replace(image=image, corners=_points(corners, image))


def _flip(item: Scene, flip: Callable[[Tensor], Tensor]) -> Scene:
    centres = _points(item.corners - 0.5, item.image)
    corners = _points(flip(centres) + 0.5, item.image)
    return item._replace(image=flip(item.image), corners=corners)


def _points(corners: Tensor, image: Tensor) -> tv_tensors.KeyPoints:
    return key_points(corners, (image.shape[-2], image.shape[-1]))
