"""What the tests of the exports share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.models.classifiers import build_classifier
from fractura.models.detectors import build_detector
from fractura.reading.calibration import Calibration
from fractura.reading.model import ModelDescription
from fractura.training.export.measure import Example
from tests.reading.networks import describe as tiny


def describe(
    task: str, side: int, classes: tuple[str, ...] = (), calibration: Calibration | None = None
) -> ModelDescription:
    plain = tiny(task, classes, calibration)
    return replace(plain, preprocess=PreprocessConfig(long_side=side, multiple=side))


def examples(side: int, number: int = 4) -> list[Example]:
    """Phantoms, every other one fractured."""
    made = []
    for seed in range(number):
        kind = "displaced" if seed % 2 else None
        phantom = make_phantom(seed, fracture=kind, width=150 + 10 * seed, height=180)
        images, place = preprocess(phantom.radiograph.pixels, PreprocessConfig(side, side))
        boxes = np.array([box.as_list() for box in phantom.boxes], np.float32).reshape(-1, 4)
        scale = np.array([place.scale_x, place.scale_y] * 2, np.float32)
        made.append(Example(images, seed % 2, boxes * scale))
    return made


def live(network: nn.Module, run: Callable[[torch.Tensor], object], side: int) -> nn.Module:
    """Give batch norms something to do: new networks hold ones, zeros and no statistics."""
    random = torch.Generator().manual_seed(0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            layer.momentum = 0.5
            layer.weight.data.uniform_(0.5, 1.5, generator=random)
            layer.bias.data.uniform_(-0.5, 0.5, generator=random)
    images = torch.from_numpy(np.concatenate([example.images for example in examples(side)]))
    network.train()
    with torch.no_grad():
        for _ in range(3):
            run(images)
    return network.eval()


def classifier(name: str, side: int, classes: int = 2) -> nn.Module:
    torch.manual_seed(0)
    network = build_classifier(name, classes)
    return live(network, network, side)


def detector(name: str, side: int) -> nn.Module:
    torch.manual_seed(0)
    network = build_detector(name, side=side)
    boxes = [torch.tensor([[10.0, 10.0, 60.0, 60.0]])] * 4
    return live(network, lambda images: network(images, boxes), side)


@pytest.fixture(scope="session")
def cnn() -> nn.Module:
    return classifier("custom-cnn", 64)
