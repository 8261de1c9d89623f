"""Lightning's trainer for a recipe and a machine."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback, EarlyStopping, WeightAveraging
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from fractura.errors import DeviceError, FracturaError
from fractura.training.callbacks.checkpoints import AtomicCheckpoints, checkpoints
from fractura.training.callbacks.history import History
from fractura.training.callbacks.plots import Plots
from fractura.training.callbacks.progress import Progress
from fractura.training.recipe import Recipe

PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """What makes an average of weights, the newest ones and the steps so far into the next average.

    Early on it forgets faster than by ``decay``, so that a short run's average holds little of
    the weights from which it started: ``min(decay, (1 + n) / (10 + n))`` after ``n`` steps, as in
    TensorFlow's ``tf.train.ExponentialMovingAverage``.
    """

    @torch.no_grad()
    def average(before: Tensor, newest: Tensor, steps: Tensor | int) -> Tensor:
        kept = min(decay, (1 + float(steps)) / (10 + float(steps)))
        return before + (1 - kept) * (newest - before)

    return average


@dataclass(frozen=True)
class Machine:
    """Where a run takes place.

    Several processes compute what one does, but for the order in which gradients are summed, for
    mixup and dropout, which each draws for itself, for detectors' losses, which count boxes in a
    process's part of the batch, and for batch norm: GPUs share its statistics, processes on a CPU
    keep their own, and those of the first are validated and saved.

    Attributes:
        workers: processes that augment.
        accelerator, devices, nodes: Lightning's; several CPU devices are processes.
        cache: folder of decoded radiographs, shared by runs.
        tensorboard: write event files into the run folder.
        mlflow: address of a tracking server.
    """

    workers: int = 1
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    cache: Path | None = None
    tensorboard: bool = False
    mlflow: str | None = None


def make_trainer(
    recipe: Recipe, out: Path, monitor: str, machine: Machine, samples: Any
) -> lightning.Trainer:
    """Lightning's trainer with everything that happens beside the steps.

    Args:
        recipe: of the run.
        out: the run folder.
        monitor: the figure that chooses the best epoch.
        machine: where the run takes place.
        samples: draws a sheet of readings; takes the network and a path.

    Raises:
        DeviceError: the machine has no such devices.
        FracturaError: it cannot do the recipe's precision.
    """
    config = recipe.trainer
    mode = "min" if monitor.endswith("loss") else "max"
    history = History(out / "metrics.csv")
    callbacks: list[Callback] = [history, Plots(out / "plots", history, samples)]
    if config.ema_decay:
        callbacks.append(WeightAveraging(avg_fn=moving_average(config.ema_decay)))
    if config.patience:
        callbacks.append(Patience(monitor, patience=config.patience, mode=mode))
    callbacks += checkpoints(out, monitor, mode)
    shown = sys.stderr.isatty()
    if shown:
        callbacks.append(Progress())
    several = _several(machine)
    parallel = "ddp_find_unused_parameters_true" if recipe.freeze.epochs else "ddp"
    try:
        trainer = lightning.Trainer(
            max_epochs=config.epochs,
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.nodes,
            strategy=parallel if several else "auto",
            use_distributed_sampler=False,
            sync_batchnorm=several and machine.accelerator != "cpu" and torch.cuda.is_available(),
            precision=PRECISION[config.precision],  # type: ignore[arg-type]
            gradient_clip_val=config.grad_clip_norm or None,
            accumulate_grad_batches=config.accumulate,
            check_val_every_n_epoch=config.validate_every,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
            log_every_n_steps=10,
            logger=_loggers(recipe, out, machine),
            plugins=[AtomicCheckpoints(recipe)],
            callbacks=callbacks,
            enable_progress_bar=shown,
            enable_model_summary=False,
        )
    except (MisconfigurationException, RuntimeError, TypeError, ValueError) as error:
        raise DeviceError(machine.accelerator, machine.devices, str(error)) from error
    if config.precision == "fp16" and isinstance(trainer.accelerator, CPUAccelerator):
        raise FracturaError("trainer.precision=fp16 needs a GPU; take bf16 or fp32")
    return trainer


def is_rank_zero() -> bool:
    """Whether this is the first of several processes, which logs for all."""
    return not getattr(rank_zero_only, "rank", 0)


class Patience(EarlyStopping):
    """Early stopping that lets a run which has stopped stay so when it is resumed."""

    def on_train_start(self, trainer: lightning.Trainer, module: Any) -> None:
        trainer.should_stop = self.wait_count >= self.patience


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's hints to programmers; its errors stay."""
    loggers = [logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric")]
    before = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


def _several(machine: Machine) -> bool:
    if machine.nodes > 1 or machine.devices not in ("auto", "1"):
        return True
    on_gpus = machine.devices == "auto" and machine.accelerator in ("auto", "gpu", "cuda")
    return on_gpus and torch.cuda.device_count() > 1


def _loggers(recipe: Recipe, out: Path, machine: Machine) -> list[Any]:
    loggers: list[Any] = []
    if machine.tensorboard:
        from lightning.pytorch.loggers import TensorBoardLogger

        loggers.append(TensorBoardLogger(str(out), name="tensorboard", version=""))
    if machine.mlflow:
        from lightning.pytorch.loggers import MLFlowLogger

        try:
            mlflow = MLFlowLogger(recipe.name, out.name, machine.mlflow)
            _ = mlflow.experiment
        except ModuleNotFoundError as error:
            raise FracturaError("tracking needs MLflow: pip install mlflow-skinny") from error
        except Exception as error:
            reason = str(error).split(". ")[0]
            raise FracturaError(
                f"the tracking server {machine.mlflow} does not work: {reason}"
            ) from error
        loggers.append(mlflow)
    return loggers
