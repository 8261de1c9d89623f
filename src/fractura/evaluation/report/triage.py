"""The section on triage."""

from __future__ import annotations

from fractura.evaluation.report.accuracy import confusion_grid
from fractura.evaluation.report.charts import draw_risk_coverage
from fractura.evaluation.report.section import Section, notes_of, there
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    capital,
    count,
    figure_cell,
    figures_grid,
    grid,
    number,
    title_of,
    words,
)


def triage(subject: Subject) -> Section | None:
    """Three answers with a promised error, and what was observed."""
    found = subject.split.triage
    if not found:
        return None
    grids = []
    sides = subject.names or ("negative", "positive")
    alpha, figures = found.get("alpha") or {}, found.get("figures") or {}
    rows = [
        [words(capital(title_of(key))), count(alpha[name]), figure_cell(figures[key])]
        for name in alpha
        for key in (name, f"{name}_by_cluster")
        if key in figures
    ]
    if rows:
        grids.append(grid("Promised and observed", ("error", "at most", "observed"), rows))
    answers = found.get("confusion") or {}
    if answers:
        counts = list(zip(*answers.values(), strict=True))
        grids.append(confusion_grid("Answers", sides, counts, list(answers)))
    promised = {f"{name}{end}" for name in alpha for end in ("", "_by_cluster")}
    rest = {name: one for name, one in figures.items() if name not in promised}
    rest |= found.get("figures_risk") or {}
    if rest:
        grids.append(figures_grid("Triage", rest))
    thresholds = found.get("thresholds") or {}
    text = []
    if found.get("guarantee"):
        text.append(str(found["guarantee"]))
    where = [f"Calibrated on: {found['calibrated_on']}."] if found.get("calibrated_on") else []
    low, high = thresholds.get("low"), thresholds.get("high")
    if low is not None and high is not None:
        where.append(
            f"“{sides[0]}” is answered below {number(low)}, “{sides[1]}” above {number(high)}."
        )
    text += [" ".join(where)] if where else []
    curve = found.get("risk_coverage")
    return Section(
        "Triage",
        tuple(text),
        tuple(grids),
        there([draw_risk_coverage(curve, subject.about) if curve else None]),
        notes=notes_of(found),
    )
