"""Measure a model of several classes, such as regions or fracture types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fractura.datasets.record import Record
from fractura.datasets.target import target_of
from fractura.errors import FracturaError, LoadError
from fractura.evaluation.cases import cluster
from fractura.evaluation.classification import classification_figures
from fractura.evaluation.interval import json_figures
from fractura.evaluation.predictions.run_table import RunPredictions, run_predictions
from fractura.evaluation.scorecard import Split, case_facts
from fractura.imaging.load import load
from fractura.parallel import map_in_order, processors
from fractura.progress import Progress
from fractura.reading.classify import ClassReader
from fractura.reading.model import ModelDescription


def measure_classes(
    source: str,
    description: ModelDescription,
    records: Sequence[Record],
    *,
    samples: int = 2000,
    progress: Progress | None = None,
) -> tuple[Split, RunPredictions]:
    """Read records with a model of classes and measure its predictions.

    Args:
        source: path of the model.
        description: of the model.
        records: those whose class the model does not know are left out, with a note.
        samples: bootstrap samples.
        progress: shows how far it is.

    Returns:
        One split of a scorecard, and what the model said.

    Raises:
        FracturaError: no record has one of the model's classes and can be read.
    """
    known = [
        record for record in records if target_of(record, description.task) in description.classes
    ]
    classifier = ClassReader(source, threads=1)

    def classify(record: Record) -> list[float] | None:
        try:
            return list(classifier.classify(load(record.path)).values())
        except LoadError:
            return None

    shares: Iterable[Any] = map_in_order(classify, known, processors())
    if progress is not None:
        shares = progress(shares, len(known), "Reading")
    pairs = [(record, share) for record, share in zip(known, shares, strict=True) if share]
    if not pairs:
        raise FracturaError(
            f"no radiograph has one of the classes of {source} "
            f"({', '.join(description.classes)}) and can be read"
        )
    read = [record for record, _ in pairs]
    said = run_predictions(
        [record.id for record in read],
        [cluster(record) for record in read],
        np.array(
            [description.classes.index(str(target_of(one, description.task))) for one in read]
        ),
        np.array([share for _, share in pairs]),
        description.classes,
    )
    silent = len(records) - len(known)
    unread = [record.id for record in known if record not in read]
    split = class_split(said, description.task, samples=samples)
    return replace(
        split,
        model=f"{description.name} {description.version}",
        unanswered={"count": len(unread), "ids": unread[:20]},
        notes=[f"{silent:,} radiographs have none of the model's classes"] if silent else [],
    ), said


def class_split(said: RunPredictions, task: str, *, samples: int = 2000) -> Split:
    """Measure class probabilities.

    Raises:
        FracturaError: see :func:`fractura.evaluation.classification.classification_figures`.
    """
    found = classification_figures(
        said.ids, said.clusters, said.probabilities, said.truth, said.classes, samples=samples
    )
    labels = [said.classes[index] for index in said.truth]
    return Split(
        **case_facts(said.ids, said.clusters, labels, samples),
        main=_MAIN.get(task, "accuracy"),
        figures=json_figures(found.figures),
        **found.by_class(),
    )


_MAIN = {"binary-fracture": "auroc", "abnormality": "auroc"}
