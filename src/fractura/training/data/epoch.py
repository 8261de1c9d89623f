"""The training images of one epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from fractura.datasets.target import BOXES, FRACTURES
from fractura.training.data.augment import augment, mosaic
from fractura.training.data.batch import Label, TrainingItem, possible_regions
from fractura.training.data.paste import paste, somewhere
from fractura.training.data.plan import Plan, SampleDraw
from fractura.training.data.segments import Image, Outline
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Recipe


class Epoch(Dataset[TrainingItem]):
    """The training images of one epoch, by :class:`SampleDraw`."""

    def __init__(self, store: ImageStore, plan: Plan, epoch: int, recipe: Recipe) -> None:
        self.store = store
        self.plan = plan
        self.epoch = epoch
        self.recipe = recipe
        known = range(len(store.records)) if recipe.augmentation.paste else range(0)
        self.donors = [index for index in known if store.outlines(index)]
        self.normals = [index for index in known if plan.labels[index].fractured == 0]

    def __getitem__(self, draw: SampleDraw) -> TrainingItem:
        recipe, settings = self.recipe, self.recipe.augmentation
        sequence = np.random.SeedSequence((recipe.trainer.seed, self.epoch, draw.position))
        choices, pixels = sequence.spawn(2)
        random = np.random.default_rng(choices)
        seed = int(pixels.generate_state(1, np.uint64)[0])
        frame, fit = recipe.data.frame, recipe.data.preprocess
        with_boxes = recipe.task in BOXES
        sample = self._sample(draw.sample)
        known = sample.marked or sample.label.fractured == 0
        if with_boxes and known and self.donors and random.random() < settings.paste:
            sample = self._pasted(sample, random)
        if with_boxes and random.random() < settings.mosaic:
            others = random.integers(len(self.store), size=3)
            samples = [sample, *(self._sample(int(index)) for index in others)]
            image, boxes = mosaic(
                [one.image for one in samples],
                [one.outlines for one in samples],
                frame,
                fit,
                settings,
                seed,
            )
        else:
            samples = [sample]
            image, boxes = augment(
                sample.image, sample.outlines, frame, fit, settings, seed, whole=not known
            )
        return _item(image, boxes, samples, recipe.task)

    def _sample(self, index: int) -> _Sample:
        image, outlines = self.store.image(index), self.store.outlines(index)
        return _Sample(image, outlines, self.plan.labels[index], marked=bool(outlines))

    def _pasted(self, sample: _Sample, random: np.random.Generator) -> _Sample:
        """With a fracture of another image, or with as much of a normal one."""
        donor = int(random.choice(self.donors))
        marks = self.store.outlines(donor)
        outline = marks[int(random.integers(len(marks)))]
        if random.random() < 0.5 or not self.normals:
            image, outlines = paste(
                sample.image, sample.outlines, self.store.image(donor), outline, random
            )
            return sample._replace(image=image, outlines=outlines)
        normal = self.store.image(int(random.choice(self.normals)))
        image, _ = paste(
            sample.image, sample.outlines, normal, somewhere(outline, normal, random), random
        )
        return sample._replace(image=image)


class _Sample(NamedTuple):
    """An image and its outlines, its label, and whether its own fractures are marked."""

    image: Image
    outlines: Sequence[Outline]
    label: Label
    marked: bool


def _item(image: Tensor, boxes: Tensor, samples: Sequence[_Sample], task: str) -> TrainingItem:
    """One training image made of one sample, or of four."""
    label = samples[0].label
    fractured, target = label.fractured, label.target
    if task in FRACTURES:
        unmarked = [one.label.fractured for one in samples if not one.marked]
        fractured = 1.0 if len(boxes) else _any(unmarked)
        if task == "binary-fracture" and not math.isnan(fractured):
            target = int(fractured)
    regions = {region for one in samples for region in one.label.regions}
    weight = sum(one.label.weight for one in samples) / len(samples)
    possible = possible_regions(tuple(regions))
    growth_plates = label.growth_plates if len(samples) == 1 else math.nan
    located = all(one.marked or one.label.fractured == 0 for one in samples)
    return TrainingItem(image, boxes, fractured, target, possible, growth_plates, weight, located)


def _any(labels: Sequence[float]) -> float:
    """1 if one is, else nan if one is unknown, else 0."""
    if 1.0 in labels:
        return 1.0
    return math.nan if any(math.isnan(label) for label in labels) else 0.0
