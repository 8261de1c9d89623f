"""Measure a run on a split: its scorecard and its predictions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from fractura.datasets.parts import refuse_torn_groups
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.target import BOXES
from fractura.errors import FracturaError
from fractura.evaluation.cases import cluster
from fractura.evaluation.detection import OVERLAPS
from fractura.evaluation.predictions.run_table import (
    read_predictions,
    run_predictions,
    write_predictions,
)
from fractura.evaluation.run_scorecard import (
    Cost,
    Provenance,
    classification_scorecard,
    detection_scorecard,
    joined,
    read_scorecard,
    write_scorecard,
)
from fractura.training.data.loader import whole_loader
from fractura.training.labels import of_classes, usable
from fractura.training.recipe import Recipe
from fractura.training.run_folder import PREDICTIONS, SCORECARD, Run, load_network, started_from
from fractura.training.tasks import task_adapter
from fractura.training.tasks.adapter import Raw
from fractura.training.validation_metrics import box_matches, probabilities, true_classes

LATENCY_RUNS = 20


@torch.no_grad()
def read_all(
    network: nn.Module, recipe: Recipe, records: Sequence[Record], workers: int = 1
) -> list[Raw]:
    """Raw answers to all records, in their order."""
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    read = task_adapter(recipe).read
    loader: Iterable[Any] = whole_loader(
        records, recipe.data.preprocess, workers, 0, 1, recipe.trainer.batch_size
    )
    raws = [raw for wholes in loader for raw in read(network, wholes)]
    return sorted(raws, key=lambda raw: raw.index)


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


def score(run: Run, manifest: Path, split: str) -> dict[str, Any]:
    """Measure a run and add the split to ``scorecard.json`` and ``predictions.csv``.

    Args:
        run: with weights.
        manifest: that it was trained with, or another.
        split: ``valid``, ``fold`` or ``test``.

    Returns:
        The split's part of the scorecard.

    Raises:
        FracturaError: see :func:`records_of`.
    """
    records = records_of(run, manifest, split)
    network = load_network(run)
    raws = read_all(network, run.recipe, records)
    ids = [record.id for record in records]
    clusters = [cluster(record) for record in records]
    share = probabilities(raws)
    truth = true_classes(records, run.recipe.task, run.classes)
    task, cost, provenance = run.recipe.task, _cost(run, network), _provenance(run)
    if task in BOXES:
        card = detection_scorecard(
            ids,
            clusters,
            share[:, 1],
            truth == 1,
            {overlap: box_matches(raws, overlap) for overlap in OVERLAPS},
            task=task,
            split=split,
            cost=cost,
            provenance=provenance,
        )
    else:
        card = classification_scorecard(
            ids,
            clusters,
            share,
            truth,
            run.classes,
            task=task,
            split=split,
            cost=cost,
            provenance=provenance,
        )
    said = {split: run_predictions(ids, clusters, truth, share, run.classes)}
    path = run.folder / SCORECARD
    if path.is_file():
        before = read_scorecard(path)
        others = {name: part for name, part in before["splits"].items() if name != split}
        if others:
            card = joined([{**card, "splits": others}, card])
        for name in others:
            kept = read_predictions(run.folder / PREDICTIONS, name)
            if kept is not None:
                said[name] = kept
    write_predictions(run.folder / PREDICTIONS, said)
    write_scorecard(path, card)
    part: dict[str, Any] = card["splits"][split]
    return part


def _cost(run: Run, network: nn.Module) -> Cost:
    return Cost(
        parameters=run.info["parameters"],
        latency_ms=round(latency(network, run.recipe), 2),
        threads=torch.get_num_threads(),
        training_seconds=run.info.get("seconds"),
        epochs=run.info.get("epochs"),
        images_per_second=run.info.get("images_per_second"),
        input_side=run.recipe.data.preprocess.long_side,
        started_from=started_from(run.recipe.model),
    )


def _provenance(run: Run) -> Provenance:
    return Provenance(
        model=run.recipe.model.name,
        recipe=run.recipe.name,
        manifest_hash=run.info["manifest"]["hash"],
        seed=run.recipe.trainer.seed,
        versions=run.info["versions"],
        revision=run.info["revision"],
        date=run.info["begun"],
    )


@torch.no_grad()
def latency(network: nn.Module, recipe: Recipe) -> float:
    """Median time of one square image in PyTorch on the CPU, in milliseconds."""
    side = recipe.data.preprocess.long_side
    image = torch.zeros(1, 1, side, side).contiguous(memory_format=torch.channels_last)
    network.to("cpu")
    times = []
    for _ in range(LATENCY_RUNS + 3):
        start = perf_counter()
        network(image)
        times.append(1000 * (perf_counter() - start))
    return float(np.median(times[3:]))
