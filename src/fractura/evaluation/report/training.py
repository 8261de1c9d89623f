"""The section of the page on how training went."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fractura.datasets.report.charts import Drawing, drawing, short
from fractura.evaluation.report.charts import COLOURS, STYLES
from fractura.evaluation.report.section import Section
from fractura.evaluation.report.subject import Subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = "metrics.csv"
"""Name of the file in a run folder; see ``training.callbacks.history``."""
_LINES = 8

Series = dict[str, list[tuple[float, float]]]


def loss_curves(subject: Subject) -> Section | None:
    """Loss and validation figures against the epoch, if ``metrics.csv`` lies there."""
    folder = subject.pictures
    series = read_metrics(folder / METRICS) if folder is not None else {}
    losses = {name: points for name, points in series.items() if "loss" in name}
    others = {
        name: points
        for name, points in series.items()
        if name.startswith("valid/") and name not in losses
    }
    drawings = [
        _curves("losses", "Loss", losses),
        _curves("validation", "Figures in validation", others),
    ]
    found = tuple(one for one in drawings if one)
    return Section("Training", drawings=found) if found else None


def read_metrics(path: Path) -> Series:
    """Epoch and value of each column; what is no number is left out, and so is a broken file."""
    sums: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                epoch = _number(row.get("epoch"))
                for name, text in row.items():
                    value = _number(text)
                    if name and name != "epoch" and epoch is not None and value is not None:
                        sums[name][epoch].append(value)
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    return {
        name: [(epoch, sum(values) / len(values)) for epoch, values in sorted(by.items())]
        for name, by in sums.items()
    }


def _number(text: object) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _curves(
    name: str, title: str, series: Mapping[str, Sequence[tuple[float, float]]]
) -> Drawing | None:
    shown = dict(list(series.items())[:_LINES])
    if not shown:
        return None

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for place, (label, points) in enumerate(shown.items()):
            axis.plot(
                *zip(*points, strict=True), color=COLOURS[place], linestyle=STYLES[place % 4],
                label=short(label, 32),
            )  # fmt: skip
        axis.set(xlabel="epoch", ylabel=title.lower())
        axis.legend(fontsize=8)

    epochs = max(len(points) for points in shown.values())
    ends = "; ".join(f"{label} {points[-1][1]:.3g}" for label, points in shown.items())
    return drawing(
        name,
        title,
        f"{title} against the epoch, {epochs:,} epochs. Last: {ends}.",
        (5.2, 4.2),
        draw,
    )
