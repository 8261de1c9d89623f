"""The growth-plate heads of a two-stage network, fitted on what its base networks see together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from fractura.imaging.preprocess import preprocess
from fractura.models.two_stage import TwoStageNetwork
from fractura.training.data.batch import Label
from fractura.training.data.elsewhere import as_elsewhere
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Recipe

FEWEST = 50
"""Images with open plates, and with closed ones, below which the heads stay as they are."""
VIEWS = 3
"""Of each image: as it is, and changed."""
PENALTY = 1e-3
"""Weight of the squared weights of standardised features; chosen on validation."""
STEPS = 150


def fit_growth_plates(
    network: TwoStageNetwork, store: ImageStore, labels: Sequence[Label], recipe: Recipe
) -> None:
    """Set the growth-plate heads of all base networks; all else stays.

    The mean of their logits is one linear function of all their embeddings: a logistic regression
    with an L2 penalty, open and closed plates counting alike.

    Args:
        network: of finished base networks.
        store: of the training images.
        labels: of its images, by index.
        recipe: its preprocessing, and its seed for the changes.
    """
    plates = torch.tensor([label.growth_plates for label in labels])
    if min(int((plates == 0).sum()), int((plates == 1).sum())) < FEWEST:
        return
    known = torch.nonzero(~plates.isnan()).flatten()
    with torch.no_grad():
        features = torch.stack(
            [
                network.embed(view)[0]
                for index in known.tolist()
                for view in _views(store, index, recipe)
            ]
        )
    weight, bias = _logistic_regression(features, plates[known].repeat_interleave(VIEWS))
    members = len(network.base)
    for member, own in zip(network.base, weight.chunk(members, 1), strict=True):
        head = member.get_submodule("growth_plates")
        assert isinstance(head, nn.Linear)
        head.weight.data.copy_(own * members)
        head.bias.data.copy_(bias)


def _views(store: ImageStore, index: int, recipe: Recipe) -> list[Tensor]:
    """One image ``[1, 1, H, W]`` as it is read, and changed."""
    config = recipe.data.preprocess
    image = store.image(index)
    inputs, _ = preprocess(image.astype(np.float32) / np.float32(255), config)
    first = VIEWS * index + recipe.trainer.seed * 10**6
    changed = [as_elsewhere(image, config, first + number) for number in range(1, VIEWS)]
    return [torch.from_numpy(inputs), *changed]


def _logistic_regression(features: Tensor, plates: Tensor) -> tuple[Tensor, Tensor]:
    """Weight ``[1, D]`` and bias ``[1]`` for features ``[N, D]`` as they are."""
    mean, scale = features.mean(0), features.std(0)
    scale = scale.clamp(min=1e-6 * float(scale.max()))
    points = (features - mean) / scale
    balanced = torch.where(plates > 0, 0.5 / plates.mean(), 0.5 / (1 - plates.mean()))
    head = nn.Linear(points.shape[1], 1)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(head(points)[:, 0], plates, balanced)
        total = loss + PENALTY * head.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(step)  # type: ignore[no-untyped-call]
    weight = head.weight.detach() / scale
    return weight, head.bias.detach() - weight @ mean
