"""Runs that may be compared, best first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fractura.errors import FracturaError
from fractura.evaluation.interval import Figure
from fractura.evaluation.predictions.run_table import RunPredictions, read_predictions
from fractura.evaluation.scorecard import Cost, Scorecard, Split
from fractura.evaluation.scorecard_file import SCORECARD, read_scorecard


@dataclass(frozen=True)
class ComparedRun:
    """One run's figures on one split.

    Attributes:
        name: tells it from the others.
        path: of its scorecard.
        scorecard: the whole of it.
        split: the part of it that is compared.
        predictions: of that split, if they lie beside the scorecard.
    """

    name: str
    path: Path
    scorecard: Scorecard
    split: Split
    predictions: RunPredictions | None

    @property
    def cost(self) -> Cost:
        """What the model costs."""
        return self.scorecard.cost

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.scorecard.classes)

    @property
    def main(self) -> str:
        """Name of the figure by which runs are sorted."""
        return str(self.split.main)

    def figure(self, name: str) -> Figure | None:
        """A figure; ``None`` if the scorecard has none of that name, or it is undefined."""
        return figure_of(self.split.figures, name)


def figure_of(figures: Mapping[str, Any], name: str) -> Figure | None:
    """A figure from a part of a scorecard; bounds that are undefined are ``nan``."""
    found = figures.get(name)
    if found is None or found["value"] is None:
        return None
    low, high = (math.nan if found[key] is None else found[key] for key in ("low", "high"))
    return Figure(found["value"], low, high, found["n"])


def task_of(run: ComparedRun) -> str:
    """The task, which is detection for everything that is measured by its boxes."""
    return "detection" if run.scorecard.kind == "detection" else str(run.scorecard.task)


def gather(paths: Sequence[Path], split: str) -> list[ComparedRun]:
    """Read runs, and sort them by their main figure, the best first.

    Args:
        paths: of run folders or scorecards. ``predictions.csv`` is read beside
            ``scorecard.json``, and ``x.predictions.csv`` beside ``x.scorecard.json``.
        split: that is compared.

    Raises:
        FracturaError: a scorecard or its predictions cannot be read or lack the split, one is
            given twice, or the runs differ in task, classes, manifest or cases.
    """
    runs = [_read(path, split) for path in paths]
    twice = next((path for path, n in Counter(run.path for run in runs).items() if n > 1), None)
    if twice is not None:
        raise FracturaError(f"{twice} is given twice; give each run once")
    for run in runs[1:]:
        _refuse_unlike(runs[0], run)
    return sorted(_named(runs), key=_rank)


def _read(path: Path, split: str) -> ComparedRun:
    scorecard = read_scorecard(path)
    file = (path / SCORECARD if path.is_dir() else path).resolve()
    if split not in scorecard.splits:
        there = ", ".join(scorecard.splits) or "none"
        raise FracturaError(f"{path} has no figures of the split {split}; it has: {there}")
    table = file.with_name(file.name.replace(SCORECARD, "predictions.csv"))
    predictions = read_predictions(table, split) if table != file and table.is_file() else None
    return ComparedRun(scorecard.model, file, scorecard, scorecard.splits[split], predictions)


def _refuse_unlike(first: ComparedRun, other: ComparedRun) -> None:
    differences: tuple[tuple[str, Callable[[ComparedRun], Any], str], ...] = (
        ("tasks", task_of, "train and compare them on one task"),
        ("classes", lambda run: ", ".join(run.classes), "compare runs with the same classes"),
        (
            "manifests",
            lambda run: run.scorecard.provenance.manifest_hash[:12],
            "train them all on one manifest",
        ),
        ("cases or labels in this split", _cases, "measure them on the same cases"),
    )
    for what, of, remedy in differences:
        if of(first) != of(other):
            raise FracturaError(
                f"{first.path} and {other.path} have different {what} "
                f"({of(first)}; {of(other)}), so their figures cannot be compared; {remedy}"
            )


def _cases(run: ComparedRun) -> str:
    return f"{run.split.cases} cases, hash {run.split.cases_sha256[:12]}"


def _named(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Names that nothing else has: the model, else with its recipe, else with its file."""
    named = list(runs)
    for detail in (_recipe, _place, _folder):
        count = Counter(run.name for run in named)
        named = [
            replace(run, name=f"{run.scorecard.model} ({detail(run)})")
            if count[run.name] > 1
            else run
            for run in named
        ]
    return named


def _recipe(run: ComparedRun) -> str:
    return str(run.scorecard.provenance.recipe)


def _place(run: ComparedRun) -> str:
    return run.path.name.removesuffix(SCORECARD).strip(".-_") or run.path.parent.name


def _folder(run: ComparedRun) -> str:
    return str(run.path)


def _rank(run: ComparedRun) -> tuple[float, str]:
    figure = run.figure(run.main)
    return (-figure.value if figure else math.inf), run.name
