"""The section on baselines: what can be had without looking at the radiograph."""

from __future__ import annotations

from fractura.evaluation.report.section import Section
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    capital,
    cell_of,
    cross_grid,
    figure_cell,
    grid,
    title_of,
    words,
)


def baselines(subject: Subject) -> Section | None:
    """What can be had without looking at the radiograph, beside the model."""
    found = subject.split.baselines
    if not found:
        return _frequent_class(subject)
    names = list(dict.fromkeys(name for one in found for name in one["figures"]))
    own = {name: one for name, one in subject.split.figures.items() if name in names}
    rows = [((words(subject.model), words("the radiograph")), own)]
    rows += [((words(one["name"]), words(one.get("sees"))), one["figures"]) for one in found]
    notes = [str(one["note"]) for one in found if one.get("note")]
    return Section(
        "Baselines",
        ("A model that is no better than what sees no picture has learnt nothing of pictures.",),
        (cross_grid("The model beside baselines", ("what", "sees"), rows),),
        notes=tuple(notes),
    )


def _frequent_class(subject: Subject) -> Section | None:
    found = subject.split.baseline
    if not found:
        return None
    own = subject.split.figures
    rows = [
        [words(capital(title_of(name))), cell_of(own, name), figure_cell(one)]
        for name, one in found["figures"].items()
    ]
    head = ("figure", subject.model, f"always “{found['class']}”")
    return Section(
        "Baselines", grids=(grid("The model beside the most frequent class", head, rows),)
    )
