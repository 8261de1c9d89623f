"""Run a recipe: data, network, Lightning trainer, run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch

from fractura.atomic_write import make_folder
from fractura.errors import FracturaError, ResumableError
from fractura.locking import locked
from fractura.training.bookkeeping import begin_folder, changes, close_folder, read_before
from fractura.training.callbacks.interruption import Interruption
from fractura.training.data.loader import load_evaluation_images
from fractura.training.loaders import Loaders
from fractura.training.module import Training
from fractura.training.recipe import Recipe
from fractura.training.run_folder import LAST, Run, read_run
from fractura.training.samples import choose, draw_samples
from fractura.training.tasks import task_adapter
from fractura.training.tasks.adapter import TaskAdapter
from fractura.training.trainer import Machine, make_trainer, quiet
from fractura.training.training_data import (
    TrainingData,
    class_names,
    class_weights,
    labels_of,
    open_training_store,
    select,
)
from fractura.training.validation_metrics import figure_names, true_classes


class LostError(ResumableError):
    """Another process of the run has ended, having told why."""


def train(
    recipe: Recipe,
    manifest: Path,
    out: Path,
    *,
    machine: Machine = Machine(),  # noqa: B008
    resume: bool = False,
    log: Any = print,
) -> Run:
    """Run the recipe.

    Args:
        recipe: what to do.
        manifest: what ``fractura data split`` wrote.
        out: the run folder.
        machine: where to do it.
        resume: go on from the folder's last checkpoint, if there is one.
        log: takes sentences for a person.

    Raises:
        FracturaError: the manifest, the recipe or the folder does not allow it; the loss is not
            finite; the disk is full. What was written before stays, and ``resume`` goes on.
        StoppedError: a person stopped the run.
    """
    with quiet():
        return _train(recipe, manifest, out, machine, resume, log)


def _train(
    recipe: Recipe, manifest: Path, out: Path, machine: Machine, resume: bool, log: Any
) -> Run:
    chosen = task_adapter(recipe)
    data = select(recipe, manifest)
    monitor = _monitor(recipe, chosen, data)
    last = out / LAST
    trainer = make_trainer(recipe, out, monitor, machine, _samples(chosen, recipe, data))
    first = trainer.is_global_zero
    log_once = log if first else _nothing
    make_folder(out)
    with _alone(out, first):
        before = read_before(out, recipe, data, resume) if first else None
        going_on = resume and last.is_file()
        for note in (*data.notes, *changes(before, recipe)):
            log_once(note)
        lightning.seed_everything(recipe.trainer.seed, verbose=False)
        store = open_training_store(recipe, data, machine.cache or out.parent / ".cache", log_once)
        kept = store.records
        class_names(kept, recipe)
        network = chosen.build(recipe, len(data.classes))
        module = Training(
            network.to(memory_format=torch.channels_last),
            chosen,
            recipe,
            data.classes,
            class_weights(kept, recipe, data.classes),
            data.sets,
        )
        labels = labels_of(kept, recipe, data.classes)
        training = chosen.training(network, store, labels, recipe)
        loaders = Loaders(training, data, recipe, machine.workers)
        if first:
            begin_folder(out, recipe, manifest, data, kept, network, before)
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
            raise LostError("another process of this run has ended; it says why") from error
        raise


def _nothing(_: str) -> None:
    """The first process logs for all."""


def _monitor(recipe: Recipe, chosen: TaskAdapter, data: TrainingData) -> str:
    monitor = recipe.trainer.monitor or chosen.monitor(recipe.task)
    measured = [
        f"{name}/{figure}"
        for name, records in data.sets.items()
        for figure in figure_names(records, recipe.task, data.classes)
    ]
    if monitor not in measured:
        raise FracturaError(
            f"{monitor} cannot be measured on the radiographs to validate on; "
            "set trainer.monitor to "
            f"one of {', '.join(measured)}, or validate on radiographs of every class"
        )
    return monitor


def _samples(chosen: TaskAdapter, recipe: Recipe, data: TrainingData) -> Any:
    records = data.sets["valid"]
    shown = choose(records, true_classes(records, recipe.task, data.classes).tolist())
    few = [records[index] for index in shown]

    def draw(network: Any, path: Path) -> None:
        samples = load_evaluation_images(few, recipe.data.preprocess)
        draw_samples(network, chosen, recipe, few, samples, data.classes, path)

    return draw


@contextmanager
def _alone(out: Path, first: bool) -> Iterator[None]:
    if not first:
        yield
        return
    with locked(out):
        yield
