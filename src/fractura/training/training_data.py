"""What a run learns from: records, classes and weights of a recipe and a manifest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fractura.datasets.parts import choose_parts
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.target import answer
from fractura.errors import FracturaError
from fractura.training.data.batch import Label
from fractura.training.data.store import ImageStore, open_store
from fractura.training.labels import class_names, of_classes, usable
from fractura.training.recipe import Recipe
from fractura.training.validation_metrics import true_classes


@dataclass(frozen=True)
class Material:
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


def gather(recipe: Recipe, manifest: Path) -> Material:
    """Choose the records of a recipe.

    Raises:
        FracturaError: the manifest lacks what the task needs, or its split leaks.
    """
    table = read_manifest(manifest)
    parts = choose_parts(table.records, recipe.data.fold)
    notes = []
    chosen: dict[str, list[Record]] = {}
    for name in ("train", "fold", "valid"):
        records, note = usable(getattr(parts, name), recipe)
        chosen[name] = records
        if note:
            notes.append(f"{name}: {note}")
    classes = class_names(chosen["train"], recipe)
    kept = {name: tuple(of_classes(part, recipe, classes)) for name, part in chosen.items()}
    if not kept["valid"]:
        raise FracturaError(f"{manifest} has no radiograph of the recipe's classes to validate on")
    sets = {name: kept[name] for name in ("valid", "fold") if kept[name]}
    return Material(classes, kept["train"], sets, table.content_hash, tuple(notes))


def labels_of(records: Sequence[Record], recipe: Recipe, classes: Sequence[str]) -> list[Label]:
    """What the loader needs to know of each record."""
    targets = true_classes(records, recipe.task, classes)
    return [
        Label(
            target=int(target),
            fractured=float("nan") if record.fractured is None else float(record.fractured),
            regions=record.regions,
            weight=record.weight,
            copies=record.copies,
        )
        for record, target in zip(records, targets, strict=True)
    ]


def class_weights(records: Sequence[Record], recipe: Recipe, classes: Sequence[str]) -> Tensor:
    """``[C]``, ones, or inverse to the classes' numbers with a mean of one a record."""
    counts = Counter(answer(record, recipe.task) for record in records)
    if recipe.objective.class_weights == "none":
        return torch.ones(len(classes))
    return torch.tensor([len(records) / (len(classes) * counts[name]) for name in classes])


def open_training_store(
    recipe: Recipe, material: Material, cache: Path, say: Callable[[str], None]
) -> ImageStore:
    """The decoded training radiographs; ``say`` gets a sentence for each that is left out.

    Raises:
        FracturaError: none can be read, or the cache cannot be written.
    """
    store = open_store(material.train, recipe.data, cache, os.cpu_count() or 1)
    for sentence in store.unreadable.values():
        say(f"{sentence}; it is left out")
    return store
