"""Measure a run: by the file that its user reads with, and by the one maker of scorecards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fractura.datasets.storage import read_manifest
from fractura.evaluation.evaluate import EvaluationSettings, evaluate_records
from fractura.evaluation.predictions.run_table import (
    RunPredictions,
    read_predictions,
    write_predictions,
)
from fractura.evaluation.scorecard import Cost, Provenance, Scorecard
from fractura.evaluation.scorecard_file import read_scorecard, write_scorecard
from fractura.progress import Progress
from fractura.training.model_file import model_file
from fractura.training.outputs import records_of
from fractura.training.run_folder import PREDICTIONS, SCORECARD, Run, started_from


def score(
    run: Run,
    manifest: Path,
    settings: EvaluationSettings,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Scorecard:
    """Measure a run on one split, and add the split to the scorecard in its folder.

    What is measured is :func:`fractura.training.model_file.model_file`, calibrated on the
    validation split.

    Args:
        run: with weights.
        manifest: that it was trained with, or another.
        settings: how; the split is ``valid``, ``fold`` or ``test``.
        out: folder for the scorecard, the predictions and all that a report shows, instead of the
            run's own folder.
        progress: shows how far it is.

    Raises:
        LeakError: the run has seen some of the cases, and ``settings.leaks`` is ``refuse``.
        FracturaError: see :func:`fractura.training.outputs.records_of` and
            :func:`fractura.evaluation.evaluate.evaluate_records`.
    """
    card, said = evaluate_records(
        str(model_file(run)),
        read_manifest(manifest),
        lambda split: records_of(run, manifest, split),
        settings,
        out,
        progress,
    )
    card = replace(
        card, model=run.recipe.model.name, cost=_cost(run, card.cost), provenance=_provenance(run)
    )
    predictions = {settings.split: said}
    if out is None:
        card, predictions = _with_others(run, card, predictions)
    folder = out or run.folder
    write_predictions(folder / PREDICTIONS, predictions)
    write_scorecard(folder / SCORECARD, card)
    return card


def score_validation(run: Run, manifest: Path, progress: Progress | None = None) -> Scorecard:
    """Measure a run that has just ended on the validation split; see :func:`score`.

    Cases that the weights it started from have seen are left out.
    """
    settings = EvaluationSettings("valid", leaks="leave out")
    return score(run, manifest, settings, progress=progress)


def _with_others(
    run: Run, card: Scorecard, predictions: dict[str, RunPredictions]
) -> tuple[Scorecard, dict[str, RunPredictions]]:
    """With the splits that the run's folder holds already."""
    path = run.folder / SCORECARD
    if not path.is_file():
        return card, predictions
    before = read_scorecard(path)
    kept: dict[str, Any] = {
        name: read_predictions(run.folder / PREDICTIONS, name)
        for name in before.splits
        if name not in predictions
    }
    others = {name: one for name, one in kept.items() if one is not None}
    return card.with_splits(before.splits), {**others, **predictions}


def _cost(run: Run, of_file: Cost) -> Cost:
    return replace(
        of_file,
        parameters=run.info["parameters"],
        training_seconds=run.info.get("seconds"),
        epochs=run.info.get("epochs"),
        images_per_second=run.info.get("images_per_second"),
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
