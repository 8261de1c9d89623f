"""Growth-plate heads are fitted on what all base networks see, and nothing else changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fractura.imaging.preprocess import preprocess
from fractura.models.two_stage import TwoStageNetwork
from fractura.training import fit_growth_plates as module
from fractura.training.data.batch import Label
from fractura.training.fit_growth_plates import fit_growth_plates
from fractura.training.recipe import parse_recipe

RECIPE = parse_recipe(
    {
        "name": "tiny",
        "task": "multi-task",
        "model": {"name": "fractura-two-stage", "pretrained": "none", "base_runs": ["-", "-"]},
        "data": {"preprocess": {"long_side": 64, "multiple": 32}},
        "optimizer": {"name": "sgd", "head_lr": 1e-4, "backbone_lr": 1e-4},
        "trainer": {"epochs": 1},
    },
    "tiny",
)


class Stripes:
    """Images whose stripes are narrow, and every other time wide."""

    def __len__(self) -> int:
        return 24

    def image(self, index: int) -> np.ndarray:
        random = np.random.default_rng(index)
        width = 12 if index % 2 else 3
        rows = (np.arange(64) + random.integers(width)) // width % 2
        noise = random.integers(0, 60, (64, 56))
        return (rows[:, None] * 150 + noise).astype(np.uint8)


def labels() -> list[Label]:
    plates = [math.nan if index < 4 else float(index % 2) for index in range(24)]
    return [Label(growth_plates=value) for value in plates]


@pytest.mark.parametrize("scales", [(1, 1), (1, 0.5)])
def test_open_and_closed_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, scales: tuple[float, float]
) -> None:
    monkeypatch.setattr(module, "FEWEST", 10)
    torch.manual_seed(1)
    network = TwoStageNetwork(8, members=2, mirror_tta=False, base_scales=scales).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit_growth_plates(network, Stripes(), labels(), RECIPE)
    changed = {
        name for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {
        f"base.{number}.growth_plates.{part}" for number in (0, 1) for part in ("weight", "bias")
    }
    logits = []
    for index in range(24):
        image = Stripes().image(index).astype(np.float32) / 255
        inputs, _ = preprocess(image, RECIPE.data.preprocess)
        with torch.no_grad():
            logits.append(float(network(torch.from_numpy(inputs)).growth_plates))
    assert min(logits[1::2]) > 0 > max(logits[0::2])


def test_few_labels_leave_the_heads_alone() -> None:
    network = TwoStageNetwork(8, members=2)
    before = network.base[0].growth_plates.weight.clone()
    fit_growth_plates(network, Stripes(), labels(), RECIPE)
    assert torch.equal(network.base[0].growth_plates.weight, before)
