"""One module a kind of network: what it minimises, and how it reads."""

from __future__ import annotations

from fractura.models.registry import family
from fractura.training.recipe import Recipe
from fractura.training.tasks import classification, detection, multi_task, two_stage
from fractura.training.tasks.adapter import TaskAdapter

TASKS = {
    "classifier": classification.TASK,
    "detector": detection.TASK,
    "multi-task": multi_task.TASK,
    "two-stage": two_stage.TASK,
}


def task_adapter(recipe: Recipe) -> TaskAdapter:
    """The adapter of the recipe's network.

    Raises:
        FracturaError: there is no such network, or it cannot do the recipe's task.
    """
    kind = family(recipe.model.name)
    chosen = TASKS[kind]
    if recipe.task not in chosen.tasks:
        raise chosen.refusal(recipe)
    return chosen
