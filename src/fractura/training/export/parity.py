"""Whether an exported file answers like the torch network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import nn

from fractura.errors import FracturaError
from fractura.reading.model import Model, ModelDescription

Array = NDArray[np.float32]

LARGEST_DIFFERENCE = 1e-4
"""Of logits, embeddings and scores: as they are, or as a share of their spread where that is more
than 1. The spread is the largest of torch's values minus the smallest, over all inputs."""
LARGEST_SHIFT = 0.1
"""Of a box's sides, in input pixels."""
PARTNER = 1.0
"""Detections are partners if no side of their boxes is further apart, in input pixels."""
MOST_UNMATCHED = 0.05
"""Share of detections that may have no partner. Ties at the cut-offs of a detector's selection and
suppression fall either way."""


class ParityError(FracturaError):
    """An exported file does not answer like the network that it was made from."""


@dataclass(frozen=True)
class Parity:
    """The largest differences between a file and torch over some radiographs.

    Attributes:
        radiographs: how many were compared.
        difference: of logits, embeddings or scores; see :data:`LARGEST_DIFFERENCE`. Of detections,
            between partners and between the best of each radiograph.
        shift: of the sides of boxes, in input pixels, between partners; 0 without boxes.
        unmatched: share of detections without a partner.
    """

    radiographs: int
    difference: float
    shift: float = 0.0
    unmatched: float = 0.0

    @property
    def holds(self) -> bool:
        return (
            self.difference <= LARGEST_DIFFERENCE
            and self.shift <= LARGEST_SHIFT
            and self.unmatched <= MOST_UNMATCHED
        )


def check_parity(network: nn.Module, model: Model, inputs: Iterable[Array]) -> Parity:
    """Run both on fitted radiographs ``[1, 1, H, W]`` and compare all outputs.

    Raises:
        ParityError: they differ by more than they may; tells the largest difference.
    """
    network = network.eval()
    kept = list(inputs)
    ours = [model.outputs(images) for images in kept]
    theirs = [torch_outputs(network, images, model.description) for images in kept]
    compare = _detections if model.description.task == "detection" else _dense
    parity = compare(ours, theirs)
    if not parity.holds:
        raise ParityError(
            f"the exported {model.description.name} does not answer like the network: over "
            f"{parity.radiographs} radiographs scores differ by up to {parity.difference:.2g}, "
            f"boxes by up to {parity.shift:.2g} pixels, and {parity.unmatched:.0%} of the boxes "
            "have no partner; nothing was written, please report it with the recipe"
        )
    return parity


@torch.no_grad()
def torch_outputs(
    network: nn.Module, images: Array, description: ModelDescription
) -> dict[str, Array]:
    """What a torch network in evaluation mode says, under the names of the exported outputs."""
    answer = network(torch.from_numpy(images))
    named = (answer[0] if description.task == "detection" else answer)._asdict()
    return {name: tensor.float().numpy() for name, tensor in named.items()}


def _dense(ours: list[dict[str, Array]], theirs: list[dict[str, Array]]) -> Parity:
    difference, shift = 0.0, 0.0
    for name in theirs[0]:
        expected = [answer[name] for answer in theirs]
        gap = max(_gap(got[name], want) for got, want in zip(ours, expected, strict=True))
        if name == "boxes":
            shift = gap
        else:
            spread = max(map(np.max, expected)) - min(map(np.min, expected))
            difference = max(difference, gap / max(1.0, float(spread)))
    return Parity(len(theirs), difference, shift)


def _gap(ours: Array, theirs: Array) -> float:
    """The largest difference; infinite where a value is none or the shapes differ."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return float("inf")
    return float(np.abs(ours - theirs).max(initial=0))


def _detections(ours: list[dict[str, Array]], theirs: list[dict[str, Array]]) -> Parity:
    difference, shift, total, paired = 0.0, 0.0, 0, 0
    for got, want in zip(ours, theirs, strict=True):
        apart = np.abs(got["boxes"][:, None] - want["boxes"][None]).max(-1, initial=0)
        rows, columns = linear_sum_assignment(np.minimum(apart, 2 * PARTNER))
        near = apart[rows, columns] <= PARTNER
        rows, columns = rows[near], columns[near]
        gaps = np.abs(got["scores"][rows] - want["scores"][columns])
        best = abs(got["scores"].max(initial=0) - want["scores"].max(initial=0))
        difference = max(difference, float(gaps.max(initial=best)))
        shift = max(shift, float(apart[rows, columns].max(initial=0)))
        total += max(apart.shape)
        paired += len(rows)
    return Parity(len(theirs), difference, shift, (total - paired) / max(1, total))
