"""What a record tells of a recipe's question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Record
from fractura.datasets.target import ABNORMAL, FRACTURE, FRACTURES, NO_FRACTURE, NORMAL, answer
from fractura.training.recipe import Recipe


def usable(records: Sequence[Record], recipe: Recipe) -> tuple[list[Record], str]:
    """The records that answer the recipe's question, and a sentence about the others.

    Raises:
        ManifestError: the question is whether there is a fracture, and a label does not tell
            (``abnormal`` is never taken for one).
    """
    wanted = [record for record in records if record.fractured or not recipe.data.fractured_only]
    told = [record for record in wanted if answer(record, recipe.task) is not None]
    silent = [record for record in wanted if answer(record, recipe.task) is None]
    if silent and recipe.task in (*FRACTURES, "abnormality"):
        labels = sorted({record.label for record in silent})
        question = "is a fracture" if recipe.task in FRACTURES else "is anything abnormal"
        raise ManifestError(
            f"{len(silent):,} radiographs to train or validate on are labelled "
            f"{' or '.join(labels)}, which does not tell whether there {question} (the first is "
            f"{silent[0].id}); leave them out of the splits"
        )
    left = f"{len(silent):,} radiographs name no or several classes and are left out"
    return told, left if silent else ""


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
        found = {answer(record, recipe.task) for record in train}
        names = recipe.data.classes or tuple(sorted(name for name in found if name))
    counts = Counter(answer(record, recipe.task) for record in train)
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
    return [record for record in records if answer(record, recipe.task) in classes]
