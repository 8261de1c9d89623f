"""One module a kind of network: what it minimises, and how it reads."""

from __future__ import annotations

from fractura.models.registry import family
from fractura.training.recipe import Recipe
from fractura.training.tasks import classification, detection, magnified, multi_task
from fractura.training.tasks.learner import Learner

LEARNERS = {
    "classifier": classification.LEARNER,
    "detector": detection.LEARNER,
    "multi-task": multi_task.LEARNER,
    "magnified": magnified.LEARNER,
}


def learner(recipe: Recipe) -> Learner:
    """The learner of the recipe's network.

    Raises:
        FracturaError: there is no such network, or it cannot do the recipe's task.
    """
    kind = family(recipe.model.name)
    chosen = LEARNERS[kind]
    if recipe.task not in chosen.tasks:
        raise chosen.refusal(recipe)
    return chosen
