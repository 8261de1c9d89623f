"""Learning rates, step by step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fractura.training.optimizer import make_optimizer, make_schedule
from fractura.training.recipe import OptimizerConfig

from .noise import recipe


def rates(steps: int, **parts: object) -> list[list[float]]:
    """The rates of each group in each step."""
    chosen = recipe(**parts)
    stages = [[nn.Parameter(torch.zeros(1))] for _ in range(3)]
    optimizer = make_optimizer(stages, chosen.optimizer)
    schedule = make_schedule(optimizer, chosen, steps)
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return found


def test_rates_fall_from_stage_to_stage() -> None:
    settings = {"head_lr": 1.0, "backbone_lr": 0.1, "layer_decay": 0.5}
    assert rates(1, optimizer=settings, schedule={"name": "constant"}) == [[0.05, 0.1, 1.0]]


def test_only_new_layers_move_in_the_frozen_phase() -> None:
    found = rates(
        8,
        optimizer={"head_lr": 1.0, "backbone_lr": 0.1},
        schedule={"name": "constant"},
        freeze={"epochs": 1, "lr": 3.0},
        trainer={"epochs": 4},
    )
    expected = [0.0, 0.0, 3.0] * 2 + [0.1, 0.1, 1.0] * 6
    assert [rate for step in found for rate in step] == pytest.approx(expected)


def test_warm_up_rises_in_steps() -> None:
    found = rates(4, optimizer={"head_lr": 1.0}, schedule={"name": "constant", "warmup_steps": 4})
    assert [step[-1] for step in found] == [0.25, 0.5, 0.75, 1.0]


def test_steps_of_the_step_schedule() -> None:
    found = rates(
        8,
        optimizer={"head_lr": 1.0},
        schedule={"name": "step", "step_epochs": 2, "step_factor": 0.1},
        trainer={"epochs": 4},
    )
    assert [step[-1] for step in found] == pytest.approx([1] * 4 + [0.1] * 4)


def test_cosine_and_one_cycle_like_torch() -> None:
    """Cosine equals torch's; one cycle peaks after 30 % and ends at ``final``."""
    steps = 10
    found = rates(steps, optimizer={"head_lr": 1.0}, schedule={"name": "cosine", "final": 0.1})
    reference = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(reference, steps, eta_min=0.1)
    expected = []
    for _ in range(steps):
        expected.append(cosine.get_last_lr()[0])
        reference.step()
        cosine.step()
    assert [step[-1] for step in found] == pytest.approx(expected)
    cycle = [
        step[-1]
        for step in rates(
            101, optimizer={"head_lr": 1.0}, schedule={"name": "one-cycle", "final": 0.01}
        )
    ]
    assert cycle[0] == pytest.approx(0.04)
    assert max(cycle) == pytest.approx(1.0, abs=1e-3)
    assert cycle.index(max(cycle)) in (30, 31)
    assert cycle[-1] == pytest.approx(0.01, abs=1e-3)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_optimisers_by_name(name: str) -> None:
    settings = OptimizerConfig.model_validate({"name": name, "weight_decay": 0.5, "momentum": 0.8})
    frozen = nn.Parameter(torch.zeros(1), requires_grad=False)
    optimizer = make_optimizer([[frozen, nn.Parameter(torch.zeros(1))], [frozen]], settings)
    assert type(optimizer).__name__.lower() == name
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 0]
    assert all(group["weight_decay"] == 0.5 for group in optimizer.param_groups)
    assert all(group.get("momentum", 0.8) == 0.8 for group in optimizer.param_groups)
