"""Figures of a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fractura.datasets.report.charts import Drawing, drawing, short
from fractura.evaluation.compare.columns import title_of
from fractura.evaluation.compare.gather import ComparedRun, figure_of
from fractura.evaluation.ranking import roc_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MATRICES_SHOWN = 12
CURVES_SHOWN = 8

_BLUE, _GREY = "#1f8ad0", "#8c8c8c"
_CURVES = (_BLUE, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", _GREY, "#b8a800")
_STYLES = ("-", "--", "-.", ":")


def draw_comparison(runs: Sequence[ComparedRun]) -> list[Drawing]:
    """Every figure for which the runs, best first, hold anything.

    Raises:
        FracturaError: Matplotlib is not installed.
    """
    found = [_intervals(runs), _latency(runs), _curves(runs), _matrices(runs)]
    return [one for one in found if one]


def _intervals(runs: Sequence[ComparedRun]) -> Drawing | None:
    title = title_of(runs[0].main)
    known = [(run, figure) for run in runs if (figure := run.figure(run.main))]
    if not known:
        return None
    baseline = runs[0].split.baseline
    floor = figure_of(baseline["figures"], runs[0].main) if baseline else None

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for row, (run, found) in enumerate(known):
            pretrained = run.cost.started_from != "none"
            if not math.isnan(found.low):
                axis.plot([found.low, found.high], [row, row], color=_BLUE, linewidth=2)
            face = _BLUE if pretrained else "none"
            axis.scatter(found.value, row, 55, facecolors=face, edgecolors=_BLUE, linewidths=2)
        if floor:
            axis.axvline(floor.value, color=_GREY, linestyle="--", linewidth=1.2)
            axis.annotate(
                "most frequent class",
                (floor.value, 0),
                (4, 4),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                size=8,
            )
        axis.set_yticks(range(len(known)), [short(run.name, 36) for run, _ in known])
        axis.set_ylim(len(known) - 0.4, -0.6)
        axis.grid(visible=False, axis="y")
        axis.set_xlabel(title)

    first = known[0]
    return drawing(
        "intervals",
        f"{_heading(title)} of every run",
        f"A dot is the {title}, the line its 95 % interval; an empty dot started from nothing. "
        f"The best is {first[0].name} with {first[1]}.",
        (8, 1.2 + 0.36 * len(known)),
        draw,
    )


def _latency(runs: Sequence[ComparedRun]) -> Drawing | None:
    title = title_of(runs[0].main)
    points = [
        (run, run.cost.latency_ms, figure.value)
        for run in runs
        if run.cost.latency_ms and (figure := run.figure(run.main))
    ]
    if len(points) < 2:
        return None

    def draw(figure: Figure) -> None:
        from matplotlib.ticker import LogLocator, NullFormatter

        axis = figure.subplots()
        for number, (run, milliseconds, value) in enumerate(points, start=1):
            area = 25 + 12 * (run.cost.parameters or 0) / 1e6
            face = _BLUE if run.cost.started_from != "none" else "none"
            axis.scatter(milliseconds, value, area, facecolors=face, edgecolors=_BLUE, alpha=0.6)
            label = f"{number}  {short(run.name, 32)}"
            axis.scatter([], [], facecolors=face, edgecolors=_BLUE, alpha=0.6, label=label)
            beside = (math.sqrt(area) / 2 + 2, 4)
            axis.annotate(
                str(number), (milliseconds, value), beside, textcoords="offset points", size=9
            )
        axis.set(xscale="log", xlabel="milliseconds an image on the CPU", ylabel=title)
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:,g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.margins(0.12, 0.15)
        figure.legend(loc="outside right upper", fontsize=9)

    fastest = min(points, key=lambda point: point[1])
    return drawing(
        "latency",
        f"{_heading(title)} against time",
        f"{_heading(title)} against the time of one image on the CPU, on a logarithmic axis. "
        "The area of a dot grows with the parameters; an empty dot started from nothing. "
        f"The fastest is {fastest[0].name} with {fastest[1]:.1f} ms.",
        (9, 5),
        draw,
    )


def _heading(title: str) -> str:
    return title[:1].upper() + title[1:]


def _curves(runs: Sequence[ComparedRun]) -> Drawing | None:
    known = [(run, run.predictions) for run in runs if run.predictions][:CURVES_SHOWN]
    if len(runs[0].classes) != 2 or not known:
        return None
    truth = known[0][1].truth
    if truth.all() or not truth.any():
        return None

    def draw(figure: Figure) -> None:
        axis = figure.subplots()
        for index, (run, found) in enumerate(known):
            wrong, right = roc_curve(found.probabilities[:, 1], found.truth == 1)
            axis.plot(
                wrong, right, color=_CURVES[index % 8], linestyle=_STYLES[index % 4],
                label=short(run.name, 32),
            )  # fmt: skip
        axis.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8)
        axis.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
        axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axis.legend(loc="lower right", fontsize=8)

    left_out = sum(run.predictions is not None for run in runs) - len(known)
    return drawing(
        "roc",
        "Receiver operating characteristic",
        f"Sensitivity against 1 - specificity for “{runs[0].classes[1]}”, of "
        f"{len(known)} runs with predictions; the diagonal is chance."
        + (f" {left_out} further runs are left out." if left_out else ""),
        (6.5, 6),
        draw,
    )


def _matrices(runs: Sequence[ComparedRun]) -> Drawing | None:
    known = [run for run in runs if run.split.confusion is not None][:MATRICES_SHOWN]
    if not known:
        return None
    classes = [short(name, 14) for name in known[0].classes]
    columns = min(len(known), 2 if len(classes) > 5 else 3)
    rows = math.ceil(len(known) / columns)
    side = 1.4 + 0.42 * max(len(classes), 3)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis in axes.flat[len(known) :]:
            axis.axis("off")
        for axis, run in zip(axes.flat, known, strict=False):
            _matrix(axis, np.array(run.split.confusion), classes)
            axis.set_title(short(run.name, 22), loc="left", fontsize=9, fontweight="bold")
        for row in axes:
            row[0].set_ylabel("truth")
        for axis in axes[-1]:
            axis.set_xlabel("called")

    left_out = len(runs) - len(known)
    return drawing(
        "confusion",
        "Confusion matrices",
        "Rows are the truth, columns what was called. Numbers are cases, shades their share of "
        "the row." + (f" The {left_out} lowest runs are left out." if left_out > 0 else ""),
        (side * columns, side * rows),
        draw,
    )


def _matrix(axis: Axes, matrix: np.ndarray, classes: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list(
        "blue", [(0.12, 0.54, 0.82, 0), (0.12, 0.54, 0.82, 0.65)]
    )
    axis.pcolormesh(shares, cmap=shades, vmin=0, vmax=1, edgecolors=_GREY, linewidth=0.4)
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            axis.text(column + 0.5, row + 0.5, f"{count:,}", ha="center", va="center", size=8)
    places = np.arange(len(classes)) + 0.5
    axis.set_xticks(places, classes, rotation=40, ha="right", size=8)
    axis.set_yticks(places, classes, size=8)
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.tick_params(length=0)
