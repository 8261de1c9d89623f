"""Run a recipe: data, network, Lightning trainer, run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch

from fractura.atomic_write import make_folder
from fractura.errors import FracturaError
from fractura.locking import locked
from fractura.training.bookkeeping import begin_folder, changes, close_folder, read_before
from fractura.training.callbacks.interruption import Interruption
from fractura.training.data.loader import load_wholes
from fractura.training.labels import class_names
from fractura.training.loaders import Loaders
from fractura.training.module import Training
from fractura.training.recipe import Recipe
from fractura.training.run_folder import LAST, Run, read_run
from fractura.training.samples import choose, draw_samples
from fractura.training.tasks import task_adapter
from fractura.training.tasks.adapter import TaskAdapter
from fractura.training.trainer import Machine, make_trainer, quiet
from fractura.training.training_data import (
    Material,
    class_weights,
    gather,
    labels_of,
    open_training_store,
)
from fractura.training.validation_metrics import figure_names, true_classes


class LostError(FracturaError):
    """Another process of the run has ended, having told why."""


def train(
    recipe: Recipe,
    manifest: Path,
    out: Path,
    *,
    machine: Machine = Machine(),  # noqa: B008
    resume: bool = False,
    say: Any = print,
) -> Run:
    """Run the recipe.

    Args:
        recipe: what to do.
        manifest: what ``fractura data split`` wrote.
        out: the run folder.
        machine: where to do it.
        resume: go on from the folder's last checkpoint, if there is one.
        say: takes sentences for a person.

    Raises:
        FracturaError: the manifest, the recipe or the folder does not allow it; the loss is not
            finite; the disk is full. What was written before stays, and ``resume`` goes on.
        StoppedError: a person stopped the run.
    """
    with quiet():
        return _train(recipe, manifest, out, machine, resume, say)


def _train(
    recipe: Recipe, manifest: Path, out: Path, machine: Machine, resume: bool, say: Any
) -> Run:
    chosen = task_adapter(recipe)
    material = gather(recipe, manifest)
    monitor = _monitor(recipe, chosen, material)
    last = out / LAST
    trainer = make_trainer(recipe, out, monitor, machine, _samples(chosen, recipe, material))
    first = trainer.is_global_zero
    tell = say if first else _nothing
    make_folder(out)
    with _alone(out, first):
        before = read_before(out, recipe, material, resume) if first else None
        going_on = resume and last.is_file()
        for note in (*material.notes, *changes(before, recipe)):
            tell(note)
        lightning.seed_everything(recipe.trainer.seed, verbose=False)
        store = open_training_store(recipe, material, machine.cache or out.parent / ".cache", tell)
        kept = store.records
        class_names(kept, recipe)
        network = chosen.build(recipe, len(material.classes))
        module = Training(
            network.to(memory_format=torch.channels_last),
            chosen,
            recipe,
            material.classes,
            class_weights(kept, recipe, material.classes),
            material.sets,
        )
        labels = labels_of(kept, recipe, material.classes)
        training = chosen.training(network, store, labels, recipe)
        loaders = Loaders(training, material, recipe, machine.workers)
        if first:
            begin_folder(out, recipe, manifest, material, kept, network, before)
            for logger in trainer.loggers:
                logger.log_hyperparams(recipe.model_dump(mode="json"))
        _fit(trainer, module, loaders, last, going_on)
        if first:
            close_folder(out, trainer)
    return read_run(out)


def _fit(
    trainer: lightning.Trainer, module: Training, loaders: Loaders, last: Path, going_on: bool
) -> None:
    interruption = Interruption(last)
    trainer.callbacks.insert(0, interruption)  # type: ignore[attr-defined]
    try:
        with interruption.listening():
            trainer.fit(
                module,
                datamodule=loaders,
                ckpt_path=str(last) if going_on else None,
                weights_only=True if going_on else None,
            )
    except RuntimeError as error:
        if trainer.world_size > 1 and "onnection" in str(error):
            raise LostError(
                "another process of this run has ended; it says why; go on with --resume"
            ) from error
        raise


def _nothing(_: str) -> None:
    """The first process speaks for all."""


def _monitor(recipe: Recipe, chosen: TaskAdapter, material: Material) -> str:
    monitor = recipe.trainer.monitor or chosen.monitor(recipe.task)
    measured = [
        f"{name}/{figure}"
        for name, records in material.sets.items()
        for figure in figure_names(records, recipe.task, material.classes)
    ]
    if monitor not in measured:
        raise FracturaError(
            f"{monitor} cannot be measured on the radiographs to validate on; "
            "set trainer.monitor to "
            f"one of {', '.join(measured)}, or validate on radiographs of every class"
        )
    return monitor


def _samples(chosen: TaskAdapter, recipe: Recipe, material: Material) -> Any:
    records = material.sets["valid"]
    shown = choose(records, true_classes(records, recipe.task, material.classes).tolist())
    few = [records[index] for index in shown]

    def draw(network: Any, path: Path) -> None:
        wholes = load_wholes(few, recipe.data.preprocess)
        draw_samples(network, chosen, recipe, few, wholes, material.classes, path)

    return draw


@contextmanager
def _alone(out: Path, first: bool) -> Iterator[None]:
    if not first:
        yield
        return
    with locked(out):
        yield
