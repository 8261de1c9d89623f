"""What a run writes about itself at its beginning and end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import lightning
import torch

from fractura.datasets.record import Record
from fractura.datasets.target import target_of
from fractura.errors import FracturaError, RunExistsError
from fractura.evaluation.leaks import file_marks
from fractura.training.callbacks.history import History
from fractura.training.recipe import Recipe
from fractura.training.run_folder import (
    INFO,
    RECIPE,
    SPLIT,
    Run,
    read_run,
    revision,
    trained_before,
    versions,
    write_json,
    write_recipe,
)
from fractura.training.training_data import TrainingData


def read_before(out: Path, recipe: Recipe, data: TrainingData, resume: bool) -> Run | None:
    """What the folder holds already, if this run may go on in it.

    Raises:
        RunExistsError: it holds a run and ``resume`` is false.
        FracturaError: it holds a run of another manifest, task,
            network, data or optimizer.
    """
    for part in (*out.glob(".*.part"), *(out / "plots").glob(".*.part")):
        part.unlink(missing_ok=True)
    if not (out / INFO).is_file():
        return None
    if not resume:
        raise RunExistsError(out)
    before = read_run(out)
    if before.info["manifest"]["hash"] != data.manifest:
        raise FracturaError(
            f"the manifest is not the one that {out} began with; choose another folder"
        )
    for name in ("task", "model", "data", "optimizer.name"):
        if attrgetter(name)(before.recipe) != attrgetter(name)(recipe):
            raise FracturaError(
                f"the recipe's {name} is not the one that {out} began with; go on by "
                f"{out / RECIPE}, or choose another folder"
            )
    return before


def changes(before: Run | None, recipe: Recipe) -> list[str]:
    """A sentence where a run goes on by another recipe than it began with."""
    if before is None or before.recipe == recipe:
        return []
    old, new = before.recipe.model_dump(), recipe.model_dump()
    told = [
        f"{name}.{field} from {old[name][field]} to {value}"
        for name, part in new.items()
        if isinstance(part, dict)
        for field, value in part.items()
        if old[name][field] != value
    ]
    return [f"Going on with changes: {', '.join(told)}."] if told else []


def begin_folder(
    out: Path,
    recipe: Recipe,
    manifest: Path,
    data: TrainingData,
    kept: Sequence[Record],
    network: torch.nn.Module,
    before: Run | None,
) -> None:
    """Write what is known before the first epoch."""
    write_recipe(out, recipe)
    parts = {"train": kept, **data.sets}
    write_json(out / SPLIT, {name: [record.id for record in part] for name, part in parts.items()})
    counts = {
        name: dict(Counter(str(target_of(record, recipe.task)) for record in part))
        for name, part in parts.items()
    }
    info = {
        "name": recipe.name,
        "manifest": {"path": str(manifest), "hash": data.manifest},
        "licences": sorted({str(record.licence) for record in kept}),
        "sources": sorted({record.source for record in kept}),
        "classes": list(data.classes),
        "counts": counts,
        "seed": recipe.trainer.seed,
        "parameters": sum(item.numel() for item in network.parameters()),
        "versions": versions(),
        "revision": revision(),
        "begun": before.info["begun"] if before else _now(),
        "trained_before": trained_before(recipe.model),
        "contents": sorted(file_marks(kept)),
    }
    write_json(out / INFO, info)


def close_folder(out: Path, trainer: lightning.Trainer) -> None:
    """Add what is known after the last epoch."""
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    history = next(item for item in callbacks if isinstance(item, History))
    trained = sum(row["seconds"] for row in history.rows)
    images = sum(row["images"] for row in history.rows)
    info = {
        **read_run(out).info,
        "epochs": len(history.rows),
        "seconds": round(trained, 1),
        "images_per_second": round(images / max(trained, 1e-9), 1),
        "finished": _now(),
    }
    write_json(out / INFO, info)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
