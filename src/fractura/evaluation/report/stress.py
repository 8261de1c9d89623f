"""Sections of the page on corruptions, relations and test-time augmentation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fractura.datasets.report.page import plural
from fractura.evaluation.report.charts import draw_corruptions
from fractura.evaluation.report.section import Section, notes_of, there
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    TableCell,
    TableGrid,
    cell_of,
    count,
    cross_grid,
    figures_grid,
    grid,
    title_of,
    value_of,
    words,
)


def robustness(subject: Subject) -> Section | None:
    """AUROC by corruption and severity."""
    found = subject.split.robustness
    if not found:
        return None
    steps: Sequence[Mapping[str, Any]] = found.get("corruptions") or ()
    clean: Mapping[str, Any] = found.get("clean") or {}
    clean = clean.get("figures") or clean
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in steps:
        value = value_of(one["figures"].get("auroc"))
        if value is not None:
            series[str(one["name"])].append((one["severity"], value))
    rows = [((words(one["name"]), count(one["severity"])), one["figures"]) for one in steps]
    grids = [
        figures_grid("Clean radiographs", clean),
        _heat(steps, value_of(clean.get("auroc")), found.get("summary") or {}),
        cross_grid(
            "Every corruption, severity and figure",
            ("corruption",),
            rows,
            counts=("severity",),
            folded=True,
        ),
    ]
    cases = found.get("cases")
    about = subject.about if cases is None else f"{cases:,} cases of split “{subject.name}”"
    return Section(
        "Robustness",
        (f"{plural(cases, 'case')}, made worse in five steps.",) if cases is not None else (),
        tuple(one for one in grids if one.rows),
        there([draw_corruptions(series, value_of(clean.get("auroc")), "AUROC", about)]),
        notes=notes_of(found),
    )


def _heat(
    steps: Sequence[Mapping[str, Any]], clean: float | None, summary: Mapping[str, Any]
) -> TableGrid:
    severities = sorted({one["severity"] for one in steps})
    cells: dict[str, dict[int, TableCell]] = defaultdict(dict)
    for one in steps:
        cell = cell_of(one["figures"], "auroc")
        if isinstance(cell.value, float) and clean is not None and clean > 0.5:
            shade = min(max((clean - cell.value) / (clean - 0.5), 0), 1)
            cell = replace(cell, shade=shade)
        cells[str(one["name"])][one["severity"]] = cell
    rows = [
        [words(name), *(by.get(one, TableCell("–")) for one in severities)]
        + ([cell_of(summary, name)] if summary else [])
        for name, by in cells.items()
    ]
    head = ["corruption", *(f"severity {one}" for one in severities)]
    head += ["lost of the AUROC over chance, mean"] if summary else []
    return grid("AUROC by corruption and severity", head, rows)


def relations(subject: Subject) -> Section | None:
    """What changes when nothing should."""
    found = subject.split.metamorphic
    if not found:
        return None
    rows = [
        (
            (words(one["name"]), words(one.get("what")), count(one.get("cases"))),
            one["figures"],
        )
        for one in found
    ]
    return Section(
        "Metamorphic relations",
        ("Changes that leave the fracture as it is should leave the answer as it is.",),
        (cross_grid("Relations", ("relation", "what is done"), rows, counts=("cases",)),),
        notes=tuple(note for one in found for note in notes_of(one)),
    )


def augmented(subject: Subject) -> Section | None:
    """The mean over several views of each radiograph."""
    found = subject.split.tta
    if not found:
        return None
    views = found.get("views")
    text = f"The mean over {plural(views, 'view')} of each radiograph. " if views else ""
    if "spread_auroc_of_errors" in (found.get("figures") or {}):
        text += f"{title_of('spread_auroc_of_errors')}: whether a wide spread tells of an error."
    return Section(
        "Test-time augmentation",
        (text.strip(),) if text else (),
        (figures_grid("Test-time augmentation", found.get("figures") or {}),),
        notes=notes_of(found),
    )
