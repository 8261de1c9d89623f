"""What a run learns from: records, classes and weights of a recipe and a manifest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fractura.datasets.label import GROWTH_PLATES
from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.target import ABNORMAL, FRACTURE, FRACTURES, NO_FRACTURE, NORMAL, target_of
from fractura.datasets.training_splits import choose_splits
from fractura.errors import FracturaError
from fractura.regions import is_outside
from fractura.training.data.batch import Label
from fractura.training.data.store import ImageStore, open_store
from fractura.training.recipe import Recipe
from fractura.training.validation_metrics import true_classes

OPEN_BELOW, CLOSED_FROM = 14.0, 20.0
"""Ages in years below which growth plates are open, and from which they are closed."""
_GROWTH_PLATES = {"open": 1.0, "closed": 0.0}


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and validates on.

    Attributes:
        classes: names, in the order of the logits.
        train: records that train.
        sets: records to validate on, by name.
        manifest: hash of the manifest's content.
        notes: sentences about what was left out.
    """

    classes: tuple[str, ...]
    train: tuple[Record, ...]
    sets: Mapping[str, tuple[Record, ...]]
    manifest: str
    notes: tuple[str, ...]


def select(recipe: Recipe, manifest: Path) -> TrainingData:
    """Choose the records of a recipe.

    Raises:
        FracturaError: the manifest lacks what the task needs, or its split leaks.
    """
    table = read_manifest(manifest)
    splits = choose_splits(table.records, recipe.data.fold)
    notes = []
    outside = [record for record in splits.train if _teaches_outside(record, recipe)]
    chosen: dict[str, list[Record]] = {}
    for name in ("train", "fold", "valid"):
        records, note = usable(getattr(splits, name), recipe)
        chosen[name] = records
        if note:
            notes.append(f"{name}: {note}")
    classes = class_names(chosen["train"], recipe)
    kept = {name: tuple(of_classes(part, recipe, classes)) for name, part in chosen.items()}
    kept["train"] += tuple(outside)
    if not kept["valid"]:
        raise FracturaError(f"{manifest} has no radiograph of the recipe's classes to validate on")
    sets = {name: kept[name] for name in ("valid", "fold") if kept[name]}
    return TrainingData(classes, kept["train"], sets, table.content_hash, tuple(notes))


def labels_of(records: Sequence[Record], recipe: Recipe, classes: Sequence[str]) -> list[Label]:
    """What the loader needs to know of each record."""
    targets = true_classes(records, recipe.task, classes)
    return [
        Label(
            target=int(target),
            fractured=float("nan") if record.fractured is None else float(record.fractured),
            regions=record.regions,
            growth_plates=growth_plates(record),
            weight=record.weight,
            copies=record.copies,
            source=record.source,
        )
        for record, target in zip(records, targets, strict=True)
    ]


def growth_plates(record: Record) -> float:
    """1 where a record's growth plates are open, 0 where closed, nan where that is unknown.

    What the manifest says of them in ``extra`` counts; else the age, if it leaves no doubt.
    """
    told = record.extra.get(GROWTH_PLATES)
    if told in _GROWTH_PLATES:
        return _GROWTH_PLATES[told]
    if record.age is None:
        return float("nan")
    return 1.0 if record.age < OPEN_BELOW else 0.0 if record.age >= CLOSED_FROM else float("nan")


def class_weights(records: Sequence[Record], recipe: Recipe, classes: Sequence[str]) -> Tensor:
    """``[C]``, ones, or inverse to the classes' numbers with a mean of one a record."""
    counts = Counter(target_of(record, recipe.task) for record in records)
    if recipe.objective.class_weights == "none":
        return torch.ones(len(classes))
    return torch.tensor([len(records) / (len(classes) * counts[name]) for name in classes])


def open_training_store(
    recipe: Recipe, data: TrainingData, cache: Path, log: Callable[[str], None]
) -> ImageStore:
    """The decoded training radiographs; ``log`` gets a sentence for each that is left out.

    Raises:
        FracturaError: none can be read, or the cache cannot be written.
    """
    store = open_store(data.train, recipe.data, cache, os.cpu_count() or 1)
    for sentence in store.unreadable.values():
        log(f"{sentence}; it is left out")
    return store


def usable(records: Sequence[Record], recipe: Recipe) -> tuple[list[Record], str]:
    """The records that answer the recipe's question, and a sentence about the others.

    Raises:
        ManifestError: the question is whether there is a fracture, and a label does not tell
            (``abnormal`` is never taken for one).
    """
    wanted = [
        record
        for record in records
        if (record.fractured or not recipe.data.fractured_only)
        and not _teaches_outside(record, recipe)
    ]
    told = [record for record in wanted if target_of(record, recipe.task) is not None]
    silent = [record for record in wanted if target_of(record, recipe.task) is None]
    if silent and recipe.task in (*FRACTURES, "abnormality"):
        labels = sorted({record.label for record in silent})
        question = "is a fracture" if recipe.task in FRACTURES else "is anything abnormal"
        raise ManifestError(
            f"{len(silent):,} radiographs to train or validate on are labelled "
            f"{' or '.join(labels)}, which does not tell whether there {question} (the first is "
            f"{silent[0].id}); leave them out of the splits"
        )
    unmarked = [record for record in told if record.fractured and not record.fractures]
    if unmarked and recipe.task == "detection":
        told = [record for record in told if not record.fractured or record.fractures]
        return told, f"{len(unmarked):,} fractured radiographs without a box are left out"
    if unmarked and recipe.task == "multi-task":
        return told, (
            f"{len(unmarked):,} fractured radiographs without a box teach that there is a "
            "fracture, not where"
        )
    left = f"{len(silent):,} radiographs name no or several classes and are left out"
    return told, left if silent else ""


def _teaches_outside(record: Record, recipe: Recipe) -> bool:
    """Whether it shows multi-task networks what is no limb, and says nothing of fractures."""
    return recipe.task == "multi-task" and record.fractured is None and is_outside(record.regions)


def class_names(train: Sequence[Record], recipe: Recipe) -> tuple[str, ...]:
    """The recipe's classes, or all that the training records have.

    Raises:
        ManifestError: fewer than two classes, or one without a training record.
    """
    if recipe.task in FRACTURES:
        names: tuple[str, ...] = (NO_FRACTURE, FRACTURE)
    elif recipe.task == "abnormality":
        names = (NORMAL, ABNORMAL)
    else:
        found = {target_of(record, recipe.task) for record in train}
        names = recipe.data.classes or tuple(sorted(name for name in found if name))
    counts = Counter(target_of(record, recipe.task) for record in train)
    field = {"region": "regions", "fracture-type": "fracture_types"}.get(recipe.task, "label")
    if not names:
        raise ManifestError(
            f"no training record has anything in the column {field}; this task needs it"
        )
    missing = [name for name in names if not counts[name]]
    if missing:
        raise ManifestError(
            f"the class {missing[0]!r} has no training radiograph (column {field} has "
            f"{', '.join(sorted(str(name) for name in counts if name))}); give some, or leave "
            "the class out of data.classes"
        )
    if len(names) < 2:
        raise ManifestError(f"there is only the class {names[0]!r}; training needs two or more")
    return names


def of_classes(records: Sequence[Record], recipe: Recipe, classes: Sequence[str]) -> list[Record]:
    """The records whose class is among ``classes``."""
    return [record for record in records if target_of(record, recipe.task) in classes]
