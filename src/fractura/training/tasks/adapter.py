"""The one interface behind which classifiers, detectors and the multi-task network learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from fractura.errors import FracturaError
from fractura.training.data.batch import Label
from fractura.training.data.loader import EvaluationImage, training_loader
from fractura.training.data.plan import Plan
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Recipe, Task


class UncalibratedPrediction(NamedTuple):
    """What a network says of one radiograph, uncalibrated.

    Attributes:
        index: the radiograph's place in the list that was read.
        logits: ``[C]``, one a class; for networks that tell fractures ``[0, logit]``.
        boxes: ``[n, 4]`` in input pixels.
        box_logits: ``[n]``, falling.
        truths: ``[m, 4]``, the true boxes in input pixels.
    """

    index: int  # type: ignore[assignment]
    logits: NDArray[np.float64]
    boxes: NDArray[np.float32]
    box_logits: NDArray[np.float64]
    truths: NDArray[np.float32]


EpochLoader = Callable[[int, int, int, int], DataLoader[Any]]
"""The batches of an epoch; takes its number, how many workers help, and rank and number of the
processes that train together."""


def augmented_images(
    network: nn.Module, store: ImageStore, labels: Sequence[Label], recipe: Recipe
) -> EpochLoader:
    """Batches of augmented images, :class:`fractura.training.data.batch.Batch`."""
    plan = Plan(labels, store, recipe)

    def load(epoch: int, workers: int, rank: int, world: int) -> DataLoader[Any]:
        return training_loader(store, plan, epoch, recipe, workers, rank, world)

    return load


NO_BOXES = np.zeros((0, 4), np.float32)
NO_LOGITS = np.zeros(0)


@dataclass(frozen=True)
class TaskAdapter:
    """A kind of network.

    Attributes:
        tasks: that it can do.
        build: a new network of a recipe, for so many classes.
        losses: the terms to minimise; takes the network, a batch of what ``training`` loads, the
            recipe and the classes' weights ``[C]``.
        read: raw answers to fitted radiographs.
        monitor: the figure that chooses the best epoch, larger being better, by task.
        training: how the network, which may choose what it is shown, loads the images of a store
            with these labels.
    """

    tasks: tuple[Task, ...]
    build: Callable[[Recipe, int], nn.Module]
    losses: Callable[[Any, Any, Recipe, Tensor], dict[str, Tensor]]
    read: Callable[[Any, Sequence[EvaluationImage]], list[UncalibratedPrediction]]
    monitor: Callable[[Task], str]
    training: Callable[[Any, ImageStore, Sequence[Label], Recipe], EpochLoader] = augmented_images

    def refusal(self, recipe: Recipe) -> FracturaError:
        """Why this kind of network cannot do the recipe's task."""
        return FracturaError(
            f"{recipe.model.name} cannot do the task {recipe.task}; it can do "
            f"{', '.join(self.tasks)}: change task or model.name"
        )
