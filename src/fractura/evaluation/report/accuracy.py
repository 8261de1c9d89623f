"""Sections of the page on the image's probability: figures, curves, thresholds, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fractura.evaluation.report.charts import (
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    draw_scores,
)
from fractura.evaluation.report.section import Section, notes_of, there
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    TableCell,
    TableGrid,
    capital,
    cell_of,
    count,
    cross_grid,
    figure_cell,
    figures_grid,
    grid,
    title_of,
    value_of,
    words,
)

_PERCENT = 100


def key_figures(subject: Subject) -> Section | None:
    """Every figure of the split; the many of the FROC stand with the detection."""
    figures = subject.split.figures
    if not figures:
        return None
    elsewhere = (subject.split.detection or {}).get("figures") or {}
    figures = {
        name: one
        for name, one in figures.items()
        if name not in elsewhere or not name.startswith("sensitivity_at_")
    }
    text = f"Intervals: {subject.split.interval}. n is the number of cases a figure rests on."
    called = subject.names
    if called and "accuracy" in figures:
        text += f" Accuracy, sensitivity and the like: “{called[1]}” is called from 0.5 on."
    return Section(
        "Key figures",
        (text,),
        (figures_grid("Key figures", figures),),
        notes=tuple(subject.split.notes),
    )


def by_class(subject: Subject) -> Section | None:
    """Every class against the rest, and the confusion matrix of all of them."""
    split = subject.split
    grids: list[TableGrid] = []
    if split.classes:
        rows = []
        for name, found in split.classes.items():
            figures = {key: value for key, value in found.items() if key != "n"}
            rows.append(((words(name), count(found.get("n"))), figures))
        grids.append(cross_grid("Each class against the rest", ("class",), rows, counts=("n",)))
    matrix = split.confusion
    if matrix:
        grids.append(confusion_grid("Confusion matrix", subject.classes, matrix))
    return Section("Classes", grids=tuple(grids)) if grids else None


def confusion_grid(
    title: str,
    classes: Sequence[str],
    matrix: Sequence[Sequence[int]],
    called: Sequence[str] | None = None,
) -> TableGrid:
    """Rows are the truth, columns what was ``called``, else the classes; shades are shares."""
    rows = []
    for name, counts in zip(classes, matrix, strict=True):
        total = sum(counts)
        cells = [
            TableCell(
                f"{one:,}",
                one,
                f"{_PERCENT * one / total:.1f} %" if total else "",
                one / total if total else 0,
            )
            for one in counts
        ]
        rows.append([words(name), *cells, count(total)])
    titles = ["truth ↓, called →", *(called or classes), "all"]
    return grid(title, titles, rows)


def curves(subject: Subject) -> Section | None:
    """ROC, precision and recall, and the probabilities of both classes."""
    found = subject.split.curves
    if not found:
        return None
    marked = []
    for point in subject.split.points or ():
        right = value_of(point["figures"].get("sensitivity"))
        spared = value_of(point["figures"].get("specificity"))
        if right is not None and spared is not None:
            marked.append((str(point["name"]), 1 - spared, right))
    about, prevalence = subject.about, subject.prevalence
    drawings = there(
        [
            draw_roc(found["roc"], marked, about) if found.get("roc") else None,
            draw_precision_recall(found["precision_recall"], prevalence, about)
            if found.get("precision_recall")
            else None,
            draw_scores(found["scores"], subject.names or ("negative", "positive"), about)
            if found.get("scores")
            else None,
        ]
    )
    return Section("Curves", drawings=drawings, notes=notes_of(found)) if drawings else None


def operating_points(subject: Subject) -> Section | None:
    """Thresholds, how they were chosen, and what they give."""
    points = subject.split.points
    if not points:
        return None
    heads = [
        (
            words(point["name"]),
            words(point.get("rule")),
            words(point.get("chosen_on")),
            _threshold(point.get("threshold")),
        )
        for point in points
    ]
    names = list(dict.fromkeys(name for point in points for name in point["figures"]))
    rows = [
        [
            words(capital(title_of(name))),
            *(cell_of(point["figures"], name) for point in points),
        ]
        for name in names
    ]
    matrices = [
        confusion_grid(
            f"Confusion matrix at “{point['name']}”",
            subject.names or ("negative", "positive"),
            point["confusion"],
        )
        for point in points
        if point.get("confusion")
    ]
    chosen = ("point", "rule", "chosen on", "threshold")
    return Section(
        "Operating points",
        (
            "A threshold that was chosen on the very cases it is measured on looks better than "
            "it is; “chosen on” says where each comes from.",
        ),
        (
            grid("How the thresholds were chosen", chosen, heads, words=3),
            grid("Figures at each point", ("figure", *(str(p["name"]) for p in points)), rows),
            *matrices,
        ),
        notes=tuple(note for point in points for note in notes_of(point)),
    )


def _threshold(value: float | None) -> TableCell:
    if value is not None and value > 1:
        return TableCell("above 1: nothing is called", value)
    return count(value)


def calibration(subject: Subject) -> Section | None:
    """Whether probabilities are what they say."""
    found = subject.split.calibration
    if not found:
        return None
    bins: Sequence[Mapping[str, Any]] = found.get("bins") or ()
    rows = [
        (
            words(f"{one['low']:.3g} to {one['high']:.3g}"),
            count(one["n"]),
            TableCell("–") if one["mean"] is None else count(float(one["mean"])),
            figure_cell(
                {
                    "value": one["share"],
                    "low": one["share_low"],
                    "high": one["share_high"],
                    "n": one["n"],
                }
            )
            if one["n"]
            else TableCell("–"),
        )
        for one in bins
    ]
    grids = [figures_grid("Calibration", found.get("figures") or {})]
    if rows:
        head = ("bin of probability", "n", "mean probability", "share of positives")
        grids.append(grid("Reliability", head, rows))
    return Section(
        "Calibration",
        grids=tuple(grids),
        drawings=there([draw_reliability(bins, subject.about)]),
        notes=notes_of(found),
    )
