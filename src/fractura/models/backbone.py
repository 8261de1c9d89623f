"""The part of a network that starts from pretrained weights, and can be frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Backbone(nn.Module):
    """Layers of another library, with a switch that stops them from learning.

    Args:
        layers: what runs.
        stages: names of all their parameters, in stages from input to output.
        hold_norm: batch norm keeps its running statistics in training, too. For pretrained
            detectors, whose batches are too small to estimate them.
    """

    def __init__(
        self, layers: nn.Module, stages: Sequence[Sequence[str]], *, hold_norm: bool = False
    ) -> None:
        super().__init__()
        self.layers = layers
        self.hold_norm = hold_norm
        self.frozen = False
        self._stages = tuple(tuple(names) for names in stages)
        self.train()

    def forward(self, images: Tensor) -> Any:
        if self.frozen:
            with torch.no_grad():
                return self.layers(images)
        return self.layers(images)

    def freeze(self, frozen: bool) -> None:
        """Stop or go on learning. Frozen layers stay as they are in evaluation, under ``train()``
        as well; their parameters still require gradients, but get none."""
        self.frozen = frozen
        self.train(self.training)

    def train(self, mode: bool = True) -> Backbone:
        super().train(mode)
        if self.frozen:
            self.layers.eval()
        elif self.hold_norm:
            for module in self.layers.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def stages(self) -> list[list[nn.Parameter]]:
        """All parameters, in stages from input to output."""
        return [[self.layers.get_parameter(name) for name in names] for names in self._stages]


def stage_names(
    children: Iterable[tuple[str, nn.Module]], starts: Callable[[str, nn.Module], bool]
) -> list[list[str]]:
    """Names of parameters in stages; a stage begins with each child for which ``starts`` is true.

    ``children`` are named from the module whose parameters are meant.
    """
    stages: list[list[str]] = [[]]
    for prefix, child in children:
        if starts(prefix, child) and stages[-1]:
            stages.append([])
        stages[-1] += [f"{prefix}.{name}" for name, _ in child.named_parameters()]
    return [names for names in stages if names]
