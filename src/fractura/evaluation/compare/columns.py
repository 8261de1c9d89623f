"""Runs as the rows of one table, for a page, for Markdown and for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fractura.evaluation.compare.gather import ComparedRun, figure_of
from fractura.evaluation.interval import Figure

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "f1": "F1",
    "kappa": "Cohen's κ",
    "matthews": "Matthews' φ",
    "auroc": "AUROC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "log_loss": "log loss",
    "ap50": "AP50",
    "ap50_fractured_only": "AP50, fractured only",
    "ap50_95": "AP50:95",
}
_SHOWN = {
    2: ("auroc", "accuracy", "sensitivity", "specificity", "f1", "calibration_error"),
    3: ("accuracy", "balanced_accuracy", "f1", "kappa", "auroc", "calibration_error"),
}
_DETECTION = (
    "ap50",
    "ap50_fractured_only",
    "ap50_95",
    "sensitivity_at_0.1",
    "sensitivity_at_0.5",
    "auroc",
    "accuracy",
)
_LOWER_IS_BETTER = {"brier", "calibration_error", "log_loss"}


@dataclass(frozen=True)
class ComparisonCell:
    """One value.

    Attributes:
        text: for people.
        value: to sort by; ``None`` if unknown.
        interval: its 95 % interval, if it has one.
        best: whether no other run has a better one.
    """

    text: str
    value: float | str | None
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Comparison:
    """The table.

    Attributes:
        columns: titles.
        numeric: whether each column holds numbers.
        rows: one a run; the first cell is its name.
        baseline: of always calling the most frequent class, or nothing.
    """

    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[ComparisonCell, ...], ...]
    baseline: tuple[ComparisonCell, ...]


def title_of(figure: str) -> str:
    """A figure's name for people."""
    rate = figure.removeprefix("sensitivity_at_")
    if rate != figure:
        return f"boxes found at {rate} false"
    return TITLES.get(figure, figure.replace("_", " "))


def shown_figures(runs: Sequence[ComparedRun]) -> list[str]:
    """Names of the figures in the table, the main one first."""
    first = runs[0]
    detection = first.scorecard.kind == "detection"
    names = _DETECTION if detection else _SHOWN[min(len(first.classes), 3)]
    there = [name for name in names if any(name in run.split.figures for run in runs)]
    return [first.main, *(name for name in there if name != first.main)]


def comparison(runs: Sequence[ComparedRun]) -> Comparison:
    """Runs, best first, as a table."""
    figures = shown_figures(runs)
    columns = [
        ("model", False, [_words(run.name) for run in runs]),
        ("started from", False, [_words(run.cost.started_from) for run in runs]),
    ]
    for name in figures:
        cells = [_estimate(run.figure(name)) for run in runs]
        columns.append((title_of(name), True, _marked(cells, name in _LOWER_IS_BETTER)))
    columns += [
        ("CPU, ms", True, _marked([_tenths(run.cost.latency_ms) for run in runs], True)),
        ("parameters, M", True, [_millions(run.cost.parameters) for run in runs]),
        ("input side", True, [_whole(run.cost.input_side) for run in runs]),
        ("epochs", True, [_whole(run.cost.epochs) for run in runs]),
        ("training", True, [_duration(run.cost.training_seconds) for run in runs]),
        ("images/s", True, [_tenths(run.cost.images_per_second) for run in runs]),
    ]
    titles, numeric, cells_of = zip(*columns, strict=True)
    baseline = runs[0].split.baseline
    last = [ComparisonCell(f"always “{baseline['class']}”", None)] if baseline else []
    if baseline:
        of = {title_of(name): figure_of(baseline["figures"], name) for name in figures}
        last += [
            _estimate(of[title]) if title in of else ComparisonCell("–", None)
            for title in titles[1:]
        ]
    return Comparison(titles, numeric, tuple(zip(*cells_of, strict=True)), tuple(last))


def _marked(cells: list[ComparisonCell], lower: bool) -> list[ComparisonCell]:
    texts = {cell.text: float(cell.value) for cell in cells if cell.value is not None}
    if not texts or len(cells) < 2:
        return cells
    best = (min if lower else max)(texts, key=lambda text: texts[text])
    return [
        ComparisonCell(cell.text, cell.value, cell.interval, cell.text == best) for cell in cells
    ]


def _estimate(figure: Figure | None) -> ComparisonCell:
    if figure is None:
        return ComparisonCell("–", None)
    known = not math.isnan(figure.low)
    interval = f"{figure.low:.3f}–{figure.high:.3f}" if known else ""
    return ComparisonCell(f"{figure.value:.3f}", figure.value, interval)


def _words(text: str) -> ComparisonCell:
    return ComparisonCell(text, text)


def _whole(value: int | None) -> ComparisonCell:
    return ComparisonCell("–" if value is None else f"{value:,}", value)


def _millions(parameters: int | None) -> ComparisonCell:
    return ComparisonCell("–" if parameters is None else f"{parameters / 1e6:.2f}", parameters)


def _tenths(value: float | None) -> ComparisonCell:
    return ComparisonCell("–" if value is None else f"{value:,.1f}", value)


def _duration(seconds: float | None) -> ComparisonCell:
    if seconds is None:
        return ComparisonCell("–", None)
    if seconds < 120:
        return ComparisonCell(f"{seconds:.0f} s", seconds)
    if seconds < 7200:
        return ComparisonCell(f"{seconds / 60:.0f} min", seconds)
    return ComparisonCell(f"{seconds / 3600:.1f} h", seconds)
