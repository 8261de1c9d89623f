"""The folder that a recipe produced."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fractura.atomic_write import write_whole
from fractura.errors import FracturaError, NotARunError, ResumableError
from fractura.models.exported import is_exported
from fractura.reading.model import Model
from fractura.reading.trained_on import trained_on
from fractura.training.recipe import Architecture, Recipe, read_recipe, recipe_yaml
from fractura.training.tasks import task_adapter

if TYPE_CHECKING:
    from torch import nn

RECIPE, INFO, SPLIT = "recipe.yaml", "run.json", "split.json"
WEIGHTS, SCORECARD, PREDICTIONS = "weights.safetensors", "scorecard.json", "predictions.csv"
LAST, BEST = "last.ckpt", "best.ckpt"


@dataclass(frozen=True)
class Run:
    """A finished or running training.

    Attributes:
        folder: where it lies.
        recipe: as resolved.
        info: ``run.json``: manifest path and hash, classes, counts, seed, versions, revision,
            parameters, and once trained ``seconds``, ``epochs``, ``images_per_second``.
        split: ids of the records of ``train``, ``fold`` and ``valid``.
    """

    folder: Path
    recipe: Recipe
    info: Mapping[str, Any]
    split: Mapping[str, list[str]]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the logits."""
        return tuple(self.info["classes"])


def read_run(folder: Path) -> Run:
    """Read what a run is; its weights may not be there yet.

    Raises:
        NotARunError: the folder is no run.
    """
    try:
        info = json.loads((folder / INFO).read_text(encoding="utf-8"))
        split = json.loads((folder / SPLIT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotARunError(f"{folder} is not a run") from error
    return Run(folder, read_recipe(folder / RECIPE), info, split)


def weights_digest(run: Run) -> str:
    """Hexadecimal SHA-256 of the run's weights.

    Raises:
        FracturaError: the run has no weights yet.
    """
    try:
        with (run.folder / WEIGHTS).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FracturaError(f"{run.folder} has no {WEIGHTS} yet; go on with the run") from error


def load_network(run: Run) -> nn.Module:
    """The run's best network, averaged where the recipe averages, in evaluation mode.

    Raises:
        ResumableError: the run has no weights yet.
        FracturaError: they are another network's.
    """
    from safetensors.torch import load_file

    weights = run.folder / WEIGHTS
    if not weights.is_file():
        raise ResumableError(f"{run.folder} has no {WEIGHTS} yet; it was not trained to its end")
    model = run.recipe.model.model_copy(update={"pretrained": "none"})
    recipe = run.recipe.model_copy(update={"model": model})
    network = task_adapter(recipe).build(recipe, len(run.classes))
    try:
        network.load_state_dict(load_file(weights))
    except (RuntimeError, ValueError) as error:
        raise FracturaError(f"{weights} does not fit the run's {RECIPE}; train again") from error
    return network.eval()


def started_from(model: Architecture) -> str:
    """What a network started from: runs by their folders' names, files by their own."""
    runs = [Path(run).parent.name or run for run in model.base_runs]
    return ", ".join(runs) or Path(model.pretrained).stem


def trained_before(model: Architecture) -> list[str]:
    """What the weights to start from were trained on before: ids and contents."""
    found: set[str] = set()
    for name in filter(is_exported, (model.pretrained, *model.base_runs)):
        description = Model(name.partition("#")[0], 1).description
        found |= trained_on(description.provenance) or set()
    for path in map(Path, (model.pretrained, *model.base_runs)):
        if path.name == WEIGHTS and (path.parent / SPLIT).is_file():
            found |= all_trained(read_run(path.parent))
    return sorted(found)


def all_trained(run: Run) -> set[str]:
    """Ids and contents of what the run's weights have seen, in it or in the runs before."""
    return {
        *run.split["train"],
        *run.info.get("contents", ()),
        *run.info.get("trained_before", ()),
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Write the resolved recipe."""
    write_whole(folder / RECIPE, recipe_yaml(recipe).encode())


def revision() -> str:
    """The git revision of the working folder, or ``unknown``."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return found.stdout.strip() or "unknown"


def versions() -> dict[str, str]:
    """Versions of the packages on which results depend."""
    found = {}
    for name in ("fractura", "torch", "torchvision", "timm", "monai", "lightning", "onnx"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
