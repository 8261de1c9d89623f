"""Samples in memory, one random epoch of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fractura.datasets.record import Annotation, Record
from fractura.findings import REGIONS
from fractura.imaging.fit import FitParameters, fit, normalise, resize
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.training.augment import Outline, augment
from fractura.training.objective import Targets
from fractura.training.recipe import Recipe

Item = tuple[Tensor, Tensor, float, Tensor, float]
"""An image, its boxes, whether it is fractured, its regions' shares, its weight."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A resized image, uint8 ``[h, w]``, with what is known of it."""

    image: NDArray[np.uint8]
    outlines: tuple[Outline, ...]
    fractured: bool
    regions: tuple[str, ...]
    copies: int = 1
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Whole:
    """A radiograph fitted as in inference, ``[1, 1, H, W]``, and its true boxes in input pixels."""

    name: str
    image: Tensor
    boxes: NDArray[np.float32]
    fractured: bool


def load_samples(records: Sequence[Record], long_side: int) -> list[Sample]:
    """Read and resize every record."""
    return [_sample(record, long_side) for record in track(records, "Reading radiographs")]


def _sample(record: Record, long_side: int) -> Sample:
    radiograph = load(record.path)
    image = resize(radiograph.pixels, long_side)
    scale = np.float32(long_side / max(radiograph.pixels.shape))
    return Sample(
        image=np.rint(image * 255).astype(np.uint8),
        outlines=tuple(_outline(mark) * scale for mark in record.fractures),
        fractured=record.label == "fracture",
        regions=record.regions,
        copies=record.copies,
        weight=record.weight,
    )


def _outline(mark: Annotation) -> Outline:
    """All corners of an annotation's polygons, or those of its box: float32 ``[n, 2]``."""
    if mark.outlines:
        return np.concatenate([np.array(part, dtype=np.float32) for part in mark.outlines])
    box = mark.box
    corners = [(x, y) for x in (box.x_min, box.x_max) for y in (box.y_min, box.y_max)]
    return np.array(corners, dtype=np.float32)


def phantom_samples(count: int, first_seed: int, long_side: int) -> list[Sample]:
    """Synthetic radiographs, about half of them fractured; their region stays unknown."""
    samples = []
    for seed in track(range(first_seed, first_seed + count), "Making phantoms"):
        phantom = make_phantom(seed)
        image = resize(phantom.radiograph.pixels, long_side)
        scale = np.float32(long_side / max(phantom.radiograph.pixels.shape))
        outlines = [
            np.concatenate(
                cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]
            ).reshape(-1, 2)
            for mask in phantom.masks
        ]
        samples.append(
            Sample(
                image=np.rint(image * 255).astype(np.uint8),
                outlines=tuple((outline * scale).astype(np.float32) for outline in outlines),
                fractured=bool(phantom.boxes),
                regions=(),
            )
        )
    return samples


class Epoch(Dataset[Item]):
    """All fractured samples, a draw of the normals and of the phantoms, each varied at random.

    A sample counts as often as its ``copies`` say.

    Everything random follows from the recipe's seed, the epoch and the position alone, so a
    resumed run sees what an uninterrupted one would have seen.
    """

    def __init__(
        self, samples: Sequence[Sample], phantoms: Sequence[Sample], recipe: Recipe, epoch: int
    ) -> None:
        random = np.random.default_rng((recipe.seed, epoch))
        shown = [sample for sample in samples for _ in range(sample.copies)]
        fractured = [sample for sample in shown if sample.fractured]
        normal = [sample for sample in shown if not sample.fractured]
        count = min(len(normal), round(len(fractured) * recipe.normals_per_fracture))
        chosen = [normal[index] for index in random.permutation(len(normal))[:count]]
        drawn = random.permutation(len(phantoms))[: recipe.phantoms]
        pool = [*fractured, *chosen, *(phantoms[index] for index in drawn)]
        self.samples = [pool[index] for index in random.permutation(len(pool))]
        self.recipe = recipe
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Item:
        sample, recipe = self.samples[index], self.recipe
        random = np.random.default_rng((recipe.seed, self.epoch, index))
        image, boxes = augment(
            sample.image, sample.outlines, recipe.canvas, recipe.augmentation, random
        )
        pixels = normalise(image.astype(np.float32) / np.float32(255), recipe.fit)
        fractured = float(len(boxes) > 0) if sample.outlines else float(sample.fractured)
        return (
            torch.from_numpy(pixels)[None],
            torch.from_numpy(boxes),
            fractured,
            region_shares(sample.regions),
            sample.weight,
        )


def region_shares(regions: Sequence[str]) -> Tensor:
    """One share ``[4]`` for each region in view, summing to 1; zeros where unknown."""
    shares = torch.tensor([float(region in regions) for region in REGIONS])
    return shares / shares.sum().clamp(min=1)


def collate(items: Sequence[Item]) -> tuple[Tensor, Targets]:
    """Stack images; boxes stay one tensor an image."""
    images, boxes, fractured, regions, weight = zip(*items, strict=True)
    targets = Targets(
        list(boxes), torch.tensor(fractured), torch.stack(regions), torch.tensor(weight)
    )
    return torch.stack(images), targets


def training_loader(epoch: Epoch, workers: int) -> DataLoader[tuple[Tensor, Targets]]:
    """Batches of one epoch, in the epoch's own order; the last, smaller one is left out."""
    return DataLoader(
        epoch,  # type: ignore[arg-type]
        batch_size=epoch.recipe.batch,
        collate_fn=collate,
        num_workers=workers,
        drop_last=True,
    )


def load_wholes(records: Sequence[Record], parameters: FitParameters) -> list[Whole]:
    """Fit every record exactly as the reader does."""
    return [_whole(record, parameters) for record in track(records, "Reading radiographs")]


def _whole(record: Record, parameters: FitParameters) -> Whole:
    image, placement = fit(load(record.path).pixels, parameters)
    boxes = np.array([mark.box.as_list() for mark in record.fractures], dtype=np.float32)
    scale = np.array([placement.scale_x, placement.scale_y] * 2, dtype=np.float32)
    fractured = record.label == "fracture"
    return Whole(record.id, torch.from_numpy(image), boxes.reshape(-1, 4) * scale, fractured)
