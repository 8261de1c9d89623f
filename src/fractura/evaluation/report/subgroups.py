"""The section on subgroups, and their worst in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fractura.evaluation.report.charts import draw_forest
from fractura.evaluation.report.section import Section, there
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    TableGrid,
    count,
    cross_grid,
    in_words,
    title_of,
    words,
)

_WITHOUT_THRESHOLD = ("auroc", "ap50")
"""Figures of subgroups that may be held against those of all cases: no threshold enters them."""


def subgroups(subject: Subject) -> Section | None:
    """Every subgroup, and the worst of them named."""
    table = subgroup_grid(subject)
    if table is None:
        return None
    found = subject.split.subgroups or ()
    own = {name: subject.split.figures.get(name) for name in _WITHOUT_THRESHOLD}
    rows = [("all cases", own)]
    rows += [(f"{one['attribute']}: {one['value']}", one["figures"]) for one in found]
    panels = (("auroc", "AUROC"), ("sensitivity", "sensitivity"))
    return Section(
        "Subgroups",
        tuple(worst_subgroups(subject)),
        (table,),
        there([draw_forest(rows, panels, subject.about)]),
        notes=tuple(map(str, subject.split.subgroup_notes or ())),
    )


def subgroup_grid(subject: Subject) -> TableGrid | None:
    """A row for each subgroup."""
    found = subject.split.subgroups
    if not found:
        return None
    rows = [
        (
            (
                words(one["attribute"]),
                words(one["value"]),
                count(one.get("cases")),
                count(one.get("positives")),
                count(one.get("boxes")),
            ),
            one["figures"],
        )
        for one in found
    ]
    counts = ("cases", "positives", "boxes")
    return cross_grid("Subgroups", ("attribute", "value"), rows, counts=counts)


def worst_subgroups(subject: Subject) -> list[str]:
    """A sentence for each figure: which subgroup has the worst."""
    worst: Mapping[str, Any] = subject.split.worst_subgroups or {}
    own = {name: subject.split.figures.get(name) for name in _WITHOUT_THRESHOLD}
    return [
        f"Worst {title_of(name)}: {one['attribute']} “{one['value']}” with "
        f"{in_words(one['figure'])}"
        + (f"; all cases: {in_words(own[name])}." if own.get(name) else ".")
        for name, one in worst.items()
        if isinstance(one, Mapping) and one.get("figure")
    ]
