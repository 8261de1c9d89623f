"""From a model, or another system's answers, and a manifest to a scorecard and its report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from fractura.atomic_write import make_folder
from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Record
from fractura.datasets.storage import read_manifest
from fractura.datasets.target import FRACTURES
from fractura.errors import FracturaError
from fractura.evaluation.cases import Cases, Level, pooled
from fractura.evaluation.classes import measure_classes
from fractura.evaluation.leaks import Leak, find_leak, joined, refuse, seen_in_training, ungrouped
from fractura.evaluation.metrics.points import parse_rule
from fractura.evaluation.predictions.model import is_model, read_with
from fractura.evaluation.predictions.read import Predictions, read_predictions_of
from fractura.evaluation.predictions.run_table import (
    PREDICTIONS,
    RunPredictions,
    run_predictions,
    write_predictions,
)
from fractura.evaluation.scorecard import Kind, Scorecard, Split
from fractura.evaluation.scorecard_file import SCORECARD, write_scorecard
from fractura.evaluation.sections import Chosen, evaluate_cases, own_points, stress
from fractura.evaluation.source import cost_of, provenance_of
from fractura.parallel import processors
from fractura.progress import Progress
from fractura.reading.model import Model, ModelDescription
from fractura.reading.trained_on import trained_on

READINGS = "readings.jsonl"


@dataclass(frozen=True)
class EvaluationSettings:
    """How to measure.

    Attributes:
        split: of the manifest, that is measured.
        level: what one case is.
        choose_on: split on which thresholds and triage are chosen; ``None`` chooses none.
        rules: by which thresholds are chosen; see ``figures.points.choose``.
        prevalence: of what is looked for where the model is to be used, in 0..1.
        leaks: what to do with cases that the model has seen.
        stressed: radiographs that are read changed and foreign; 0 does without, ``None`` is all.
        samples: bootstrap samples.
        seed: of everything drawn.
    """

    split: str = "test"
    level: Level = "image"
    choose_on: str | None = None
    rules: tuple[str, ...] = ()
    prevalence: float | None = None
    leaks: Literal["refuse", "leave out", "accept"] = "refuse"
    stressed: int | None = 0
    samples: int = 2000
    seed: int = 0


def evaluate(
    source: str,
    manifest: Path,
    settings: EvaluationSettings,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Scorecard:
    """Measure a model, or the predictions of any other system, on one split of a manifest.

    Args:
        source: a shipped model's name, the path of an exported file, or predictions that
            :func:`fractura.evaluation.predictions.read.read_predictions_of` knows.
        manifest: labelled radiographs, split.
        settings: how.
        out: folder for ``scorecard.json``, ``predictions.csv``, the model's ``readings.jsonl``
            and the pictures of ``gallery/``; ``None`` writes nothing.
        progress: shows how far it is.

    Raises:
        LeakError: the model has seen some of the cases, and ``settings.leaks`` is ``refuse``.
        FracturaError: the split is empty, the source cannot be read, or nothing of it can be
            measured.
    """
    table = read_manifest(manifest)
    card, said = evaluate_records(
        source, table, lambda split: _of_split(table, split, manifest), settings, out, progress
    )
    if out is not None:
        write_predictions(out / PREDICTIONS, {settings.split: said})
        write_scorecard(out / SCORECARD, card)
    return card


def evaluate_records(
    source: str,
    table: Manifest,
    records_of: Callable[[str], Sequence[Record]],
    settings: EvaluationSettings,
    out: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Scorecard, RunPredictions]:
    """Measure a model, or another system's predictions, on records: the one maker of scorecards.

    Args:
        source: as for :func:`evaluate`.
        table: the manifest that holds all records, those of training among them.
        records_of: the records of a split; raises :class:`FracturaError` where there are none.
        settings: how.
        out: folder for the model's ``readings.jsonl`` and the pictures of ``gallery/``, if any.
        progress: shows how far it is.

    Returns:
        A scorecard with one split, and what the model said of each case.

    Raises:
        LeakError: see :func:`evaluate`.
        FracturaError: see :func:`evaluate`; a rule for thresholds is none.
    """
    for rule in settings.rules:
        parse_rule(rule)
    asked = records_of(settings.split)
    description = Model(source, 1).description if is_model(source) else None
    seen = seen_in_training(
        table.records, trained_on(description.provenance) if description else None, asked
    )
    tuning = records_of(settings.choose_on) if settings.choose_on else []
    leak = joined(
        find_leak(asked, seen),
        find_leak(asked, tuning, f"of split {settings.choose_on}, which chooses thresholds"),
    )
    kept, leak, notes = _without(asked, leak, settings)
    if out is not None:
        make_folder(out)
    kind: Kind = "classification"
    classes: Sequence[str]
    if description is not None and description.classifies and description.task not in _BINARY:
        if settings.level != "image" or settings.choose_on or settings.prevalence is not None:
            raise FracturaError(
                f"{description.task} has several classes: thresholds, predictive values, "
                "studies and patients as cases need a model that says yes or no"
            )
        split, said = measure_classes(
            source, description, kept, samples=settings.samples, progress=progress
        )
        split = replace(
            split,
            leaks_checked=True,
            leak=None if leak is None else leak.as_dict(),
            notes=[*split.notes, *notes],
        )
        classes = description.classes
    else:
        split, said, classes = _measured(
            source, description, table, kept, tuning, leak, notes, settings, out, progress
        )
        kind = "detection" if split.detection else "classification"
    provenance = provenance_of(source, description, table.content_hash)
    return Scorecard(
        task=description.task if description else "binary-fracture",
        kind=kind,
        classes=list(classes),
        splits={settings.split: split},
        model=provenance.model,
        cost=cost_of(source, description),
        provenance=provenance,
    ), said


def _measured(
    source: str,
    description: ModelDescription | None,
    table: Manifest,
    asked: Sequence[Record],
    tuning: Sequence[Record],
    leak: Leak | None,
    notes: Sequence[str],
    settings: EvaluationSettings,
    out: Path | None,
    progress: Progress | None,
) -> tuple[Split, RunPredictions, Sequence[str]]:
    """A split of a model that tells yes or no, with or without boxes."""
    found = _found(source, description, asked, out / READINGS if out else None, progress)
    cases = pooled(found.cases, settings.level)
    split = evaluate_cases(
        cases,
        out=out,
        chosen=_chosen(source, description, tuning, settings, progress),
        points=own_points(description) if description and description.task in FRACTURES else (),
        training=[record for record in table.records if record.split == "train"],
        prevalence=settings.prevalence,
        leak=leak,
        unanswered=found.unanswered,
        notes=[*notes, *found.notes, *_unknown(found), *_silence(asked)],
        samples=settings.samples,
        seed=settings.seed,
    )
    if description is not None and settings.stressed != 0 and settings.level == "image":
        sections = stress(
            cases, source, settings.stressed,
            samples=settings.samples, seed=settings.seed, workers=processors(),
            progress=progress,
        )  # fmt: skip
        split = replace(split, **sections)
    return split, _predictions(cases), cases.names


_BINARY = (*FRACTURES, "abnormality")


def _of_split(table: Manifest, split: str, manifest: Path) -> list[Record]:
    records = [record for record in table.records if record.split == split]
    if not records:
        there = sorted({record.split for record in table.records if record.split})
        raise FracturaError(
            f"{manifest} has no radiograph in split {split}; it has "
            f"{', '.join(there) or 'no split at all: split it with fractura data split'}"
        )
    return records


def _without(
    asked: Sequence[Record], leak: Leak | None, settings: EvaluationSettings
) -> tuple[list[Record], Leak | None, list[str]]:
    if leak is None or settings.leaks == "accept":
        return list(asked), leak, []
    if settings.leaks == "refuse":
        raise refuse(leak, settings.split)
    kept = [record for record in asked if record.id not in leak.ids]
    if not kept:
        raise refuse(leak, settings.split)
    return kept, None, [f"left out, because they are not new to the model: {len(leak.ids):,} cases"]


def _silence(asked: Sequence[Record]) -> list[str]:
    sentence = ungrouped(asked)
    return [sentence] if sentence else []


def _unknown(found: Predictions) -> list[str]:
    if not found.unknown:
        return []
    return [
        f"{len(found.unknown):,} predictions are of radiographs that are not in the split (the "
        f"first is {Path(found.unknown[0]).name})"
    ]


def _found(
    source: str,
    description: ModelDescription | None,
    records: Sequence[Record],
    kept: Path | None,
    progress: Progress | None,
) -> Predictions:
    if description is None:
        told = any(record.fractured is not None for record in records)
        return read_predictions_of(
            Path(source), records, looked_for="fracture" if told else "abnormal"
        )
    return read_with(source, records, readings=kept, progress=progress)


def _chosen(
    source: str,
    description: ModelDescription | None,
    tuning: Sequence[Record],
    settings: EvaluationSettings,
    progress: Progress | None,
) -> Chosen | None:
    if settings.choose_on is None:
        return None
    found = _found(source, description, tuning, None, progress)
    chosen = Chosen(settings.choose_on, pooled(found.cases, settings.level))
    return replace(chosen, rules=settings.rules) if settings.rules else chosen


def _predictions(cases: Cases) -> RunPredictions:
    return run_predictions(
        cases.ids,
        cases.clusters.tolist(),
        cases.positive.astype(np.int64),
        np.stack([1 - cases.probability, cases.probability], axis=1),
        cases.names,
    )
