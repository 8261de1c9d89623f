"""Uncalibrated predictions of a run's network, and the records of a split it can answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.training_splits import refuse_torn_groups
from fractura.errors import FracturaError
from fractura.training.data.loader import evaluation_loader
from fractura.training.recipe import Recipe
from fractura.training.run_folder import Run
from fractura.training.tasks import task_adapter
from fractura.training.tasks.adapter import UncalibratedPrediction
from fractura.training.training_data import of_classes, usable


@torch.no_grad()
def read_all(
    network: nn.Module, recipe: Recipe, records: Sequence[Record], workers: int = 1
) -> list[UncalibratedPrediction]:
    """Uncalibrated answers to all records, in their order."""
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    read = task_adapter(recipe).read
    loader: Iterable[Any] = evaluation_loader(
        records, recipe.data.preprocess, workers, 0, 1, recipe.trainer.batch_size
    )
    predictions = [prediction for samples in loader for prediction in read(network, samples)]
    return sorted(predictions, key=lambda prediction: prediction.index)


def records_of(run: Run, manifest: Path, split: str) -> list[Record]:
    """The manifest's records of a split that have one of the run's classes.

    Raises:
        FracturaError: there is none, or a group of one picture or patient lies in the split and
            in what the run trained on.
    """
    records = read_manifest(manifest).records
    if split in ("valid", "fold"):
        names = set(run.split.get(split, ()))
        asked = [record for record in records if record.id in names]
    else:
        asked = [record for record in records if record.split == split]
    found = of_classes(usable(asked, run.recipe)[0], run.recipe, run.classes)
    if not found:
        raise FracturaError(f"{manifest} has no radiograph of the run's classes in split {split}")
    trained = set(run.split["train"])
    refuse_torn_groups(
        {"train": [record for record in records if record.id in trained], split: found}
    )
    return found
