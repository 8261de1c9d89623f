"""Crops for a second look: suspected and marked ones, cut out of the images and changed there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fractura.evaluation.detection import intersection_over_union
from fractura.imaging.preprocess import PreprocessConfig, standardize
from fractura.models.two_stage import CROP_SIDE, SMALLEST_SIDE
from fractura.training.data.loader import how_to_load, parts_of
from fractura.training.data.photometric import photometric
from fractura.training.data.plan import Plan
from fractura.training.data.segments import Image, Outline
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Augmentation, Recipe

Array = NDArray[np.float64]

MARKED, IN_CROWDS, CROWD = 6, 3, 4
"""How often an epoch shows each marked fracture, and where there are so many in an image."""
HITS = 4
"""Proposals shown of each fractured image that overlap a fracture."""
MISSES, ELSEWHERE = 2, 3
"""Proposals of nothing that are shown of each normal and of each fractured image."""
RANKS, LAST_RANK = 4.0, 20
"""Ranks over which the chance of a proposal to be shown falls to 1/e, and the last one shown."""
HIT, MISSED = 0.3, 0.1
"""Overlap from which a crop shows a fracture, and below which it shows none."""


class CropItem(NamedTuple):
    """One crop; see :class:`CropBatch`."""

    image: Tensor
    shape: Tensor
    truth: Tensor
    overlap: float
    weight: float


class CropBatch(NamedTuple):
    """``N`` crops.

    Attributes:
        images: float32 ``[N, K, CROP_SIDE, CROP_SIDE]``, for each of K refiners what
            :func:`fractura.models.two_stage.cut_crops` cuts out.
        shapes: float32 ``[N, 2]``, as it gives them.
        truths: float32 ``[N, 4]``, box of the fracture that the suspected box overlaps most, in
            pixels of a crop that the suspected box fills; zeros without one.
        overlap: float32 ``[N]``, intersection over union of both.
        weight: float32 ``[N]``, of each crop's loss.
    """

    images: Tensor
    shapes: Tensor
    truths: Tensor
    overlap: Tensor
    weight: Tensor


class ProposalDraw(NamedTuple):
    """A box of a sample, and whether it is one of its marks or of the proposals."""

    sample: int
    marked: bool
    number: int


class ProposalCrops(Dataset[CropItem]):
    """The crops of one epoch; everything random follows from seed, epoch and position."""

    def __init__(
        self,
        store: ImageStore,
        plan: Plan,
        proposals: Sequence[NDArray[np.float32]],
        epoch: int,
        recipe: Recipe,
    ) -> None:
        """Draw the crops.

        Args:
            store: the images.
            plan: which of them an epoch shows.
            proposals: ``[n, 4]`` a sample, in pixels of its image, the most suspicious first.
            epoch: counted from 0.
            recipe: config, augmentation, seed, and shares of the refiners.
        """
        self.store, self.plan, self.proposals = store, plan, proposals
        self.epoch, self.recipe = epoch, recipe
        random = np.random.default_rng((recipe.trainer.seed, epoch))
        shown = [draw.sample for batch in plan.epoch(epoch) for draw in batch]
        drawn = [draw for sample in shown for draw in self._draw(sample, random)]
        self.drawn = [drawn[position] for position in random.permutation(len(drawn))]

    def __len__(self) -> int:
        return len(self.drawn)

    def _draw(self, sample: int, random: np.random.Generator) -> list[ProposalDraw]:
        found, outlines = self.proposals[sample], self.store.outlines(sample)
        if not outlines:
            if self.plan.labels[sample].fractured != 0:
                return []
            return [
                ProposalDraw(sample, False, rank) for rank in _ranks(len(found), MISSES, random)
            ]
        times = MARKED if len(outlines) < CROWD else IN_CROWDS
        overlap = intersection_over_union(found, _boxes(outlines)).max(1, initial=0)
        misses = np.flatnonzero(overlap < MISSED)
        return [
            *(
                ProposalDraw(sample, True, mark)
                for mark in range(len(outlines))
                for _ in range(times)
            ),
            *(
                ProposalDraw(sample, False, int(hit))
                for hit in np.flatnonzero(overlap >= HIT)[:HITS]
            ),
            *(
                ProposalDraw(sample, False, int(misses[rank]))
                for rank in _ranks(len(misses), ELSEWHERE, random)
            ),
        ]

    def __getitem__(self, position: int) -> CropItem:
        drawn = self.drawn[position]
        random = np.random.default_rng((self.recipe.trainer.seed, self.epoch, position))
        outlines = self.store.outlines(drawn.sample)
        boxes = _boxes(outlines) if drawn.marked else self.proposals[drawn.sample]
        box = displaced(boxes[drawn.number].astype(np.float64), drawn.marked, random)
        settings, config = self.recipe.augmentation, self.recipe.data.preprocess
        matrix, size = crop_transform(box, settings, random)
        grey = _stretched(self.store.image(drawn.sample), config)
        pixels = [
            _changed(grey, around(matrix, share), config, settings, random)
            for share in self.recipe.model.crop_fill
        ]
        half = CROP_SIDE * size / 2
        suspected = np.concatenate([CROP_SIDE / 2 - half, CROP_SIDE / 2 + half])[None]
        truth, overlap = np.zeros(4), 0.0
        if outlines:
            marks = [line @ matrix[:, :2].T + matrix[:, 2] for line in outlines]
            truths = _boxes(marks)
            shares = intersection_over_union(suspected, truths)[0]
            truth, overlap = truths[shares.argmax()], float(shares.max())
        return CropItem(
            torch.from_numpy(np.stack(pixels)),
            torch.tensor(np.log(size), dtype=torch.float32),
            torch.tensor(truth, dtype=torch.float32),
            overlap,
            self.plan.labels[drawn.sample].weight,
        )


def crop_loader(
    crops: ProposalCrops, batch: int, workers: int, rank: int = 0, world: int = 1
) -> DataLoader[CropItem]:
    """The :class:`CropBatch`es of an epoch, all full, for one of ``world`` processes.

    Raises:
        FracturaError: there are fewer crops in a batch than processes.
    """
    full = len(crops) - len(crops) % batch if len(crops) > batch else len(crops)
    batches = [list(range(start, min(start + batch, full))) for start in range(0, full, batch)]
    own: Any = parts_of(batches, rank, world)
    return DataLoader(crops, batch_sampler=own, collate_fn=_collate, **how_to_load(workers))


def displaced(box: Array, marked: bool, random: np.random.Generator) -> Array:
    """A box ``[4]`` about as far from a marked one as a base network's are; others move little."""
    size, centre = box[2:] - box[:2], (box[:2] + box[2:]) / 2
    apart, factor = (0.2, 0.25) if marked else (0.06, 0.08)
    centre = centre + random.normal(0, apart, 2) * size
    both = random.normal(0, 0.12) if marked else 0.0
    half = size * np.exp(random.normal(0, factor, 2) + both) / 2
    return np.concatenate([centre - half, centre + half])


def crop_transform(
    box: Array, settings: Augmentation, random: np.random.Generator
) -> tuple[Array, Array]:
    """Turn and mirror an image around a box at random, and enlarge it for the refiner.

    Args:
        box: ``[4]`` in pixels of the image.
        settings: rotation, quarter turns and mirror images.
        random: source of all randomness.

    Returns:
        The affine map ``[2, 3]`` from the image to a crop that the box fills, and width and
        height of the box that an upright proposal would have there, over the longer of them (at
        least ``SMALLEST_SIDE``).
    """
    angle = np.deg2rad(random.uniform(-settings.rotation, settings.rotation))
    if random.random() < settings.quarter_turn:
        angle += np.pi / 2 * random.integers(1, 4)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn[0] *= -1 if random.random() < settings.horizontal_flip else 1
    turn[1] *= -1 if random.random() < settings.vertical_flip else 1
    size = np.maximum(np.sqrt(turn**2 @ (box[2:] - box[:2]) ** 2), 1.0)
    longer = max(float(size.max()), SMALLEST_SIDE)
    matrix = turn * (CROP_SIDE / longer)
    middle = (box[:2] + box[2:]) / 2
    return np.column_stack([matrix, CROP_SIDE / 2 - matrix @ middle]), size / longer


def around(matrix: Array, share: float) -> Array:
    """The map ``[2, 3]`` to a crop of whose side the box takes a share, in 0..1."""
    return share * matrix + [0, 0, (1 - share) * CROP_SIDE / 2]


def _stretched(image: Image, config: PreprocessConfig) -> Image:
    """The image with its grey values stretched as for a reading."""
    standard = standardize(image.astype(np.float32) / np.float32(255), config)
    values = standard * config.std + config.mean
    return np.asarray(np.rint(255 * values), np.uint8)


def _changed(
    grey: Image,
    matrix: Array,
    config: PreprocessConfig,
    settings: Augmentation,
    random: np.random.Generator,
) -> NDArray[np.float32]:
    """The crop ``[CROP_SIDE, CROP_SIDE]``; zero outside the image, as in ``cut_crops``."""
    pixels = photometric(_cut(grey, matrix), settings, random).astype(np.float32) / 255
    inside = _cut(np.ones_like(grey), matrix)
    return np.asarray((pixels - config.mean) / config.std * inside, np.float32)


def _cut(image: Image, matrix: Array) -> Image:
    """Move an image into the crop; where it becomes smaller, averaged first."""
    enlargement = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if enlargement < 0.6:
        height, width = image.shape
        size = (max(1, round(width * enlargement)), max(1, round(height * enlargement)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        matrix = matrix / [size[0] / width, size[1] / height, 1]
    centres = matrix.copy()
    centres[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    return np.asarray(cv2.warpAffine(image, centres, (CROP_SIDE, CROP_SIDE)), np.uint8)


def _boxes(outlines: Sequence[Outline | Array]) -> NDArray[np.float64]:
    boxes = [[*line.min(0), *line.max(0)] for line in outlines]
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def _ranks(count: int, number: int, random: np.random.Generator) -> list[int]:
    """Some of the first ranks, each once, the foremost more often."""
    chance = np.exp(-np.arange(min(LAST_RANK, count)) / RANKS)
    number = min(number, len(chance))
    chosen: list[int] = random.choice(len(chance), number, False, chance / chance.sum()).tolist()
    return chosen


def _collate(items: Sequence[CropItem]) -> CropBatch:
    return CropBatch(
        images=torch.stack([item.image for item in items]),
        shapes=torch.stack([item.shape for item in items]),
        truths=torch.stack([item.truth for item in items]),
        overlap=torch.tensor([item.overlap for item in items], dtype=torch.float32),
        weight=torch.tensor([item.weight for item in items], dtype=torch.float32),
    )
