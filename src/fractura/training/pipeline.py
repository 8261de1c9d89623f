"""Recipes in a row: base networks, and what is trained on top of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from fractura.errors import FracturaError
from fractura.models.exported import is_exported
from fractura.training.recipe import Recipe, RecipeSection, read_recipe, read_yaml
from fractura.training.recipes import recipe_path


class Stage(RecipeSection):
    """One recipe of a pipeline.

    Attributes:
        name: of the stage, and of its run folder.
        recipe: a shipped recipe's name, or a file's path.
        base: on what it stands: names of earlier stages, or base networks of exported models
            (``fractura-s#1``); they become ``model.base_runs``.
        changes: of single fields, as in ``"trainer.epochs=3"``.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    recipe: str
    base: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


class Pipeline(RecipeSection):
    """Recipes that are run one after the other; the last makes the model.

    Attributes:
        name: the model's.
        description: one sentence for people.
        stages: in order.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    stages: tuple[Stage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _stands_on_what_came_before(self) -> Pipeline:
        known: set[str] = set()
        for stage in self.stages:
            if stage.name in known:
                raise ValueError(f"two stages are named {stage.name}")
            for base in stage.base:
                if base not in known and not is_exported(base):
                    raise ValueError(f"{stage.name} stands on {base}, which is no earlier stage")
            known.add(stage.name)
        return self


@dataclass(frozen=True)
class StageRun:
    """A stage that is ready to be run.

    Attributes:
        recipe: with all changes.
        folder: of its run.
        base: folders of the runs on which it stands.
    """

    recipe: Recipe
    folder: Path
    base: tuple[Path, ...] = ()


def read_pipeline(path: Path) -> Pipeline | None:
    """The pipeline in a YAML file; ``None`` where the file has no ``stages``, as recipes have none.

    Raises:
        FracturaError: it is no readable YAML, or a field is unknown, missing or wrong.
    """
    content = read_yaml(path)
    if "stages" not in content:
        return None
    try:
        return Pipeline.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'the pipeline'}: {item['msg']}"
            for item in error.errors()
        )
        raise FracturaError(f"{path} is not a valid pipeline: {problems}") from error


def read_stages(name: str, out: Path | None = None, changes: Sequence[str] = ()) -> list[StageRun]:
    """The runs that a recipe or a pipeline asks for: one of a recipe, one a stage of a pipeline.

    The last stage's run lies in ``out``, the others in folders of it, by their names.

    Args:
        name: of a shipped recipe or pipeline, or a file's path.
        out: the run folder; ``runs/NAME`` if left out.
        changes: ``"trainer.epochs=3"`` changes every stage, ``"base-a.trainer.epochs=3"`` one.

    Raises:
        FracturaError: there is no such recipe, or a field is unknown or wrong.
    """
    path = recipe_path(name)
    pipeline = read_pipeline(path)
    if pipeline is None:
        recipe = read_recipe(path, changes)
        return [StageRun(recipe, out or Path("runs") / recipe.name)]
    folder = out or Path("runs") / pipeline.name
    folders = {stage.name: folder / stage.name for stage in pipeline.stages[:-1]}
    folders[pipeline.stages[-1].name] = folder
    return [_prepared(pipeline, stage, folders, changes) for stage in pipeline.stages]


def _prepared(
    pipeline: Pipeline, stage: Stage, folders: dict[str, Path], changes: Sequence[str]
) -> StageRun:
    last = stage is pipeline.stages[-1]
    base = tuple(folders[name] for name in stage.base if name in folders)
    own = [f"name={pipeline.name}" if last else f"name={pipeline.name}-{stage.name}"]
    if stage.base:
        weights = [
            str(folders[name] / "weights.safetensors") if name in folders else name
            for name in stage.base
        ]
        own.append(f"model.base_runs={json.dumps(weights)}")
    recipe = read_recipe(
        recipe_path(stage.recipe), [*own, *stage.changes, *_meant_for(pipeline, stage, changes)]
    )
    return StageRun(recipe, folders[stage.name], base)


def _meant_for(pipeline: Pipeline, stage: Stage, changes: Sequence[str]) -> list[str]:
    """The changes for this stage, without its name before them."""
    others = {one.name for one in pipeline.stages} - {stage.name}
    kept = [change for change in changes if change.split(".")[0].strip() not in others]
    return [change.strip().removeprefix(f"{stage.name}.") for change in kept]
