"""OptimizerConfig and learning rates of a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from fractura.training.recipe import FreezePhase, OptimizerConfig, Recipe, Schedule


def make_optimizer(
    stages: Sequence[Sequence[nn.Parameter]], settings: OptimizerConfig
) -> torch.optim.Optimizer:
    """One group of parameters a stage, from the input to the new layers (the last)."""
    deepest = len(stages) - 2
    rates = [
        settings.backbone_lr * settings.layer_decay ** (deepest - depth)
        for depth in range(len(stages) - 1)
    ]
    groups: list[dict[str, Any]] = [
        {"params": [item for item in stage if item.requires_grad], "lr": rate}
        for stage, rate in zip(stages, [*rates, settings.head_lr], strict=True)
    ]
    decay = settings.weight_decay
    if settings.name == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum, weight_decay=decay)
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=decay)


def make_schedule(
    optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Factors of the rates for each step, of ``steps`` in all epochs together."""
    an_epoch = steps / recipe.trainer.epochs
    frozen_steps = round(an_epoch * recipe.freeze.epochs)

    def factor(new: bool, rate: float) -> Callable[[int], float]:
        def at(step: int) -> float:
            rise = min(1.0, (step + 1) / max(1, recipe.schedule.warmup_steps))
            if step < frozen_steps:
                return rise * frozen_factor(new, rate, recipe.freeze)
            done = (step - frozen_steps) / max(1, steps - frozen_steps)
            epoch = (step - frozen_steps) / an_epoch
            return rise * rate_factor(min(1.0, done), epoch, recipe.schedule)

        return at

    groups = optimizer.param_groups
    factors = [factor(group is groups[-1], group["lr"]) for group in groups]
    return torch.optim.lr_scheduler.LambdaLR(optimizer, factors)


def frozen_factor(new: bool, rate: float, phase: FreezePhase) -> float:
    """What the rate of a group is multiplied by while only the new layers train."""
    return phase.lr / rate if new else 0.0


def rate_factor(done: float, epoch: float, schedule: Schedule) -> float:
    """What a rate is multiplied by, after ``done`` (0..1) of the phase or ``epoch`` epochs."""
    if schedule.name == "constant":
        return 1.0
    if schedule.name == "step":
        return schedule.step_factor ** int(epoch / schedule.step_epochs)
    if schedule.name == "one-cycle" and done < 0.3:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * done / 0.3))
    progress = (done - 0.3) / 0.7 if schedule.name == "one-cycle" else done
    return schedule.final + (1 - schedule.final) * 0.5 * (1 + math.cos(math.pi * progress))
