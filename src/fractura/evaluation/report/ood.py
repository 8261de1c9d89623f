"""The section on pictures that are no bone radiographs."""

from __future__ import annotations

from fractura.evaluation.report.section import Section
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    count,
    figure_cell,
    grid,
    words,
)


def out_of_distribution(subject: Subject) -> Section | None:
    """Whether pictures that are no bone radiographs are flagged."""
    found = subject.split.ood
    if not found:
        return None
    rows = [
        [words(one["kind"]), words(one.get("source")), count(one["n"]), figure_cell(one["flagged"])]
        for one in found
    ]
    head = ("kind", "source", "n", "flagged")
    return Section(
        "Foreign pictures",
        (
            "Share flagged as not being a bone radiograph. Of bone radiographs it should be low. "
            "What is made up resembles what the flag was fitted on; real photographs and other "
            "modalities pass more often.",
        ),
        (grid("Foreign pictures", head, rows, words=2),),
    )
