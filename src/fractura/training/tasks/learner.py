"""The one interface behind which classifiers, detectors and the multi-task network learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from fractura.errors import FracturaError
from fractura.training.data.batch import Batch
from fractura.training.data.loader import Whole
from fractura.training.recipe import Recipe, Task


class Raw(NamedTuple):
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


NO_BOXES = np.zeros((0, 4), np.float32)
NO_LOGITS = np.zeros(0)


@dataclass(frozen=True)
class Learner:
    """A kind of network.

    Attributes:
        tasks: that it can do.
        build: a new network of a recipe, for so many classes.
        losses: the terms to minimise; takes the network, a batch, the recipe and the classes'
            weights ``[C]``.
        read: raw answers to fitted radiographs.
        monitor: the figure that chooses the best epoch, larger being better, by task.
    """

    tasks: tuple[Task, ...]
    build: Callable[[Recipe, int], nn.Module]
    losses: Callable[[Any, Batch, Recipe, Tensor], dict[str, Tensor]]
    read: Callable[[Any, Sequence[Whole]], list[Raw]]
    monitor: Callable[[Task], str]

    def refusal(self, recipe: Recipe) -> FracturaError:
        """Why this kind of network cannot do the recipe's task."""
        return FracturaError(
            f"{recipe.model.name} cannot do the task {recipe.task}; it can do "
            f"{', '.join(self.tasks)}: change task or model.name"
        )
