"""A model card in Markdown.

Source of the form: Mitchell et al. 2019, Model Cards for Model Reporting (arXiv 1810.03993).
"""

from __future__ import annotations

from collections.abc import Sequence

from fractura.datasets.report.page import listed
from fractura.evaluation.report import statements
from fractura.evaluation.report.accuracy import operating_points
from fractura.evaluation.report.baselines import baselines
from fractura.evaluation.report.checklists import AUTHORS
from fractura.evaluation.report.subgroups import subgroup_grid, worst_subgroups
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    TableGrid,
    capital,
    figures_grid,
    markdown,
    markdown_grid,
)

NOTICE = "For research and education; not a certified medical device."


def model_card(subject: Subject, missing: Sequence[str]) -> str:
    """The card, with what only people know marked as to be filled by the authors.

    Args:
        subject: what it is of.
        missing: names of what was not measured.
    """
    parts = [
        _front(subject),
        f"# Model card: {markdown(subject.model)}",
        f"**{NOTICE}**",
        *_leak(subject),
        "## Details",
        _list(
            [
                statements.model(subject),
                statements.task(subject),
                statements.training(subject),
                statements.initial(subject),
                statements.software(subject),
                f"Date: {subject.scorecard.provenance.date}.",
            ]
        ),
        f"- Licence of the weights: {AUTHORS}.\n- Developers and contact: {AUTHORS}.\n"
        f"- How to cite: {AUTHORS}.",
        "## Intended use",
        f"Research and education. Intended users, patients and setting: {AUTHORS}.",
        "## Out of scope",
        "Diagnosis without a radiologist. Other modalities, photographs of films and screens, and "
        "body regions, ages, devices and hospitals that are not among the cases below. The absence "
        f"of a finding rules nothing out. Further limits of use: {AUTHORS}.",
        "## Data",
        _list(
            [
                statements.data(subject),
                statements.size(subject),
                statements.prevalence(subject),
                statements.missing(subject),
                statements.composition(subject),
                statements.disjoint(subject),
            ]
        ),
        f"- Training data, their source and licence: {AUTHORS}.",
        "## Figures",
        f"On {markdown(subject.about)}. {markdown(statements.uncertainty(subject))}",
        *_grids(subject, [figures_grid("Key figures", subject.split.figures)]),
    ]
    points = operating_points(subject)
    parts += _grids(subject, points.grids if points else ())
    parts += _part("## Calibration", _grids(subject, _calibration(subject)))
    beside = baselines(subject)
    parts += _part("## Baselines", _grids(subject, beside.grids if beside else ()))
    groups = subgroup_grid(subject)
    worst = [markdown(one) for one in worst_subgroups(subject)]
    parts += _part("## Subgroups", [*worst, *_grids(subject, [groups] if groups else [])])
    known = [
        statements.robustness(subject),
        statements.explanation(subject),
        statements.indeterminate(subject),
    ]
    parts += _part("## Robustness and trust", [_list(known)] if any(known) else [])
    limits = [f"{subject.leak}."] if subject.leak else []
    limits += statements.all_notes(subject)
    limits += [f"Not measured: {listed(missing)}."] if missing else []
    parts += ["## Limits", _list([*limits, f"Known failures and risks: {AUTHORS}."])]
    parts += ["## Licence", f"Of the model: {AUTHORS}. Of the data: {AUTHORS}."]
    return "\n\n".join(filter(None, parts)) + "\n"


def _front(subject: Subject) -> str:
    """The head that model hubs read; nothing from the scorecard stands in it unchecked."""
    detection = subject.scorecard.kind == "detection"
    tag = "object-detection" if detection else "image-classification"
    return (
        "---\n# licence: to be filled by the authors\nlibrary_name: fractura\n"
        f"pipeline_tag: {tag}\ntags: [medical, radiology, radiograph, fracture]\n---"
    )


def _leak(subject: Subject) -> list[str]:
    return [f"**{markdown(capital(subject.leak))}.**"] if subject.leak else []


def _grids(subject: Subject, grids: Sequence[TableGrid]) -> list[str]:
    leak = f" ({markdown(subject.leak)})" if subject.leak else ""
    return [
        text
        for one in grids
        if one.rows
        for text in (f"**{markdown(one.title)}**{leak}", markdown_grid(one))
    ]


def _calibration(subject: Subject) -> list[TableGrid]:
    found = (subject.split.calibration or {}).get("figures")
    return [figures_grid("Calibration", found)] if found else []


def _part(title: str, parts: Sequence[str]) -> list[str]:
    return [title, *parts] if parts else []


def _list(items: Sequence[str | None]) -> str:
    return "\n".join(f"- {markdown(capital(item))}" for item in items if item)
