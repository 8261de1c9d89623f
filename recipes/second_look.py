"""How the second look of the shipped model was trained: the record of one run.

``python recipes/second_look.py split.parquet FIRST.safetensors OUT.safetensors`` takes the
manifest and the weights of the first network, and writes those of both. The recipe
``second-look`` trains the same network inside the package, on augmented images instead of
augmented places; its result was worse (docs/training/experiments.md), so these weights ship.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset
from torchvision.ops import generalized_box_iou_loss

from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.evaluation.detection import intersection_over_union
from fractura.imaging.fit import FitParameters, fit
from fractura.imaging.load import load
from fractura.models.magnifier import (
    SHARE,
    SIDE,
    SMALLEST,
    MagnifiedNetwork,
    load_first,
    seen_boxes,
    sides_of,
)
from fractura.reading.decode import decode

Array = NDArray[np.float64]
FIT = FitParameters(512, 32, (0.5, 99.5), 0.45, 0.25)
PHASES = ((7, 16, 1e-3, 3e-4, 0), (7, 7, 6e-4, 2e-4, 5))
"""Epochs run, epochs planned, rates of new and of pretrained layers, seed. The first phase was
stopped, and the second went on from its averaged weights."""
BATCH, DECAY, WEIGHT_DECAY, CLIP = 64, 0.998, 0.03, 5.0
NOMINAL = (
    torch.tensor([[0.5 - SHARE / 2, 0.5 - SHARE / 2, 0.5 + SHARE / 2, 0.5 + SHARE / 2]]) * SIDE
)


@dataclass(frozen=True, eq=False)
class Example:
    """A fitted radiograph uint8, what the first network suspects, and what is marked."""

    image: NDArray[np.uint8]
    suspected: Array
    marked: Array
    outlines: tuple[Array, ...]
    fractured: bool


@torch.no_grad()
def example(network: MagnifiedNetwork, record: Record) -> Example:
    inputs, place = fit(load(record.path).pixels, FIT)
    output = network.first(torch.from_numpy(inputs))
    found = decode(output.scores[0].numpy(), output.boxes[0].numpy())
    height, width = round(place.height * place.scale_y), round(place.width * place.scale_x)
    grey = (inputs[0, 0, :height, :width] * FIT.std + FIT.mean) * 255
    scale = np.array([place.scale_x, place.scale_y])
    outlines = tuple(np.concatenate([np.array(one) for one in mark.outlines]) * scale
                     for mark in record.fractures)  # fmt: skip
    marked = np.array([[*one.min(0), *one.max(0)] for one in outlines]).reshape(-1, 4)
    image = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
    return Example(image, found.boxes[:30].astype(float), marked, outlines, bool(record.fractured))


class Places(Dataset[tuple[torch.Tensor, ...]]):
    """An epoch's places: displaced marked boxes, near suspicions, and suspicions of nothing."""

    def __init__(self, examples: list[Example], seed: int, epoch: int) -> None:
        self.examples, self.seed, self.epoch = examples, seed, epoch
        random = np.random.default_rng((seed, epoch))
        drawn: list[tuple[int, bool, int]] = []
        for index, one in enumerate(examples):
            if not one.fractured:
                drawn += [(index, False, at) for at in _ranked(len(one.suspected), 4, 2, random)]
                continue
            times = 6 if len(one.marked) < 4 else 3
            drawn += [(index, True, at) for at in range(len(one.marked)) for _ in range(times)]
            overlap = intersection_over_union(one.suspected, one.marked).max(1, initial=0)
            drawn += [(index, False, int(at)) for at in np.flatnonzero(overlap >= 0.3)[:4]]
            far = np.flatnonzero(overlap < 0.1)
            drawn += [(index, False, int(far[at])) for at in _ranked(len(far), 5, 3, random)]
        self.drawn = [drawn[at] for at in random.permutation(len(drawn))]

    def __len__(self) -> int:
        return len(self.drawn)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, ...]:
        index, marked, at = self.drawn[number]
        one = self.examples[index]
        random = np.random.default_rng((self.seed, self.epoch, number))
        box = (one.marked if marked else one.suspected)[at]
        size, centre = box[2:] - box[:2], (box[:2] + box[2:]) / 2
        apart, about = (0.2, 0.25) if marked else (0.06, 0.08)
        factor = np.exp(random.normal(0, about, 2) + (random.normal(0, 0.12) if marked else 0))
        centre, size = centre + random.normal(0, apart, 2) * size, size * factor
        matrix = _to_place(centre, size, random)
        pixels = _photometric(_cut(one.image, matrix), random)
        half = np.sqrt(matrix[:, :2] ** 2 @ (size / 2) ** 2)
        middle = matrix[:, :2] @ centre + matrix[:, 2]
        suspected = np.concatenate([middle - half, middle + half])
        overlap, truth = 0.0, np.zeros(4)
        if len(one.outlines):
            moved = [line @ matrix[:, :2].T + matrix[:, 2] for line in one.outlines]
            truths = np.array([[*line.min(0), *line.max(0)] for line in moved])
            overlaps = intersection_over_union(suspected[None], truths)[0]
            overlap, truth = overlaps.max(), truths[overlaps.argmax()]
        shape = np.log(np.maximum(2 * half, 2) / (SIDE * SHARE))
        values = (((pixels - FIT.mean) / FIT.std)[None], shape, truth, overlap)
        return tuple(torch.tensor(value, dtype=torch.float32) for value in values)


def _ranked(count: int, scale: float, number: int, random: np.random.Generator) -> list[int]:
    """Some of the first twenty indices, the foremost more often."""
    chance = np.exp(-np.arange(min(20, count)) / scale)
    number = min(number, len(chance))
    chosen: list[int] = random.choice(len(chance), number, False, chance / chance.sum()).tolist()
    return chosen


def _to_place(centre: Array, size: Array, random: np.random.Generator) -> Array:
    turn = random.normal(0, 0.3) if random.random() < 0.7 else random.uniform(-np.pi, np.pi)
    enlargement = SIDE * SHARE / max(*size, SMALLEST)
    matrix = enlargement * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    if random.random() < 0.5:
        matrix[0] *= -1
    return np.column_stack([matrix, SIDE / 2 - matrix @ centre])


def _cut(image: NDArray[np.uint8], matrix: Array) -> NDArray[np.uint8]:
    enlargement = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if enlargement < 0.6:
        small = cv2.resize(
            image, None, fx=enlargement, fy=enlargement, interpolation=cv2.INTER_AREA
        )
        factors = [small.shape[1] / image.shape[1], small.shape[0] / image.shape[0], 1]
        image, matrix = np.asarray(small, np.uint8), matrix / factors
    centred = matrix.copy()
    centred[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    return np.asarray(cv2.warpAffine(image, centred, (SIDE, SIDE)), np.uint8)


def _photometric(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.float32]:
    pixels = image.astype(np.float32) / 255
    if random.random() < 0.8:
        pixels = pixels ** np.exp(random.uniform(np.log(0.5), np.log(2)))
    if random.random() < 0.8:
        mean = pixels.mean()
        pixels = (pixels - mean) * random.uniform(0.6, 1.5) + mean + random.uniform(-0.1, 0.1)
    if random.random() < 0.2:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.4, 1.3))
    if random.random() < 0.15:
        factor = random.uniform(0.4, 0.8)
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, (SIDE, SIDE))
    if random.random() < 0.25:
        pixels = pixels + random.normal(0, random.uniform(0.01, 0.06), pixels.shape)
    if random.random() < 0.2:
        levels = (np.clip(pixels, 0, 1) * 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 80))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", levels, quality)[1], 0) / np.float32(255)
    return np.clip(pixels, 0, 1).astype(np.float32)


def train(manifest: Path, first: Path, out: Path) -> None:
    torch.set_num_threads(1)
    network = MagnifiedNetwork()
    load_first(network, str(first))
    network.eval()
    records = [one for one in read_manifest(manifest).records if one.split == "train" and one.fold]
    examples = [example(network, record) for record in records]
    magnifier = network.magnifier
    for run, planned, new, old, seed in PHASES:
        torch.manual_seed(seed)
        *backbone, added = network.stages()
        known = [item for stage in backbone for item in stage]
        groups = [{"params": added, "lr": new}, {"params": known, "lr": old}]
        optimiser = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)
        average = AveragedModel(magnifier, avg_fn=_average, use_buffers=True)
        steps = planned * (len(Places(examples, seed, 0)) // BATCH)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda at, n=steps: _rate(at, n))
        for epoch in range(run):
            magnifier.train()
            for batch in DataLoader(Places(examples, seed, epoch), BATCH, drop_last=True):
                loss = _loss(magnifier, *batch)
                optimiser.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(magnifier.parameters(), CLIP)
                optimiser.step()
                schedule.step()
                average.update_parameters(magnifier)
            print(f"epoch {epoch + 1} of {run}: {loss.item():.3f}", flush=True)
        magnifier.load_state_dict(average.module.state_dict())
    save_file({name: item.contiguous() for name, item in network.state_dict().items()}, out)


def _loss(magnifier: torch.nn.Module, *batch: torch.Tensor) -> torch.Tensor:
    images, shapes, truths, overlap = batch
    with torch.autocast("cpu", torch.bfloat16):
        logits, sides = magnifier(images.contiguous(memory_format=torch.channels_last), shapes)
    told, near = (overlap < 0.1) | (overlap >= 0.3), overlap >= 0.2
    hit = (overlap >= 0.3).float()
    score = binary_cross_entropy_with_logits(logits, hit, told.float())
    if not near.any():
        return score
    boxes, target = NOMINAL.expand(int(near.sum()), 4), truths[near]
    giou = generalized_box_iou_loss(seen_boxes(boxes, sides[near]), target, reduction="mean")
    return score + giou + smooth_l1_loss(sides[near], sides_of(boxes, target), beta=0.2)


def _rate(step: int, steps: int) -> float:
    rise = min(1.0, (step + 1) / 100)
    return rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))


def _average(kept: torch.Tensor, fresh: torch.Tensor, number: torch.Tensor | int) -> torch.Tensor:
    decay = min(DECAY, (int(number) + 1) / (int(number) + 21))
    return kept * decay + fresh * (1 - decay) if kept.is_floating_point() else fresh


if __name__ == "__main__":
    train(*(Path(part) for part in sys.argv[1:4]))
