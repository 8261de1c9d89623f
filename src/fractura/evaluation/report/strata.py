"""Sections of the page on triage, baselines, subgroups, foreign pictures and the gallery."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fractura.datasets.report.page import data_uri, plural
from fractura.evaluation.report.accuracy import confusion_grid
from fractura.evaluation.report.charts import draw_forest, draw_risk_coverage
from fractura.evaluation.report.section import Exhibit, Section, notes_of, there
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    TableGrid,
    capital,
    cell_of,
    count,
    cross_grid,
    figure_cell,
    figures_grid,
    grid,
    in_words,
    number,
    title_of,
    value_of,
    words,
)

PICTURE_BYTES = 16_000_000
"""Pictures of a page together, as files; later ones are left out."""
_WITHOUT_THRESHOLD = ("auroc", "ap50")
"""Figures of subgroups that may be held against those of all cases: no threshold enters them."""
_PNG = b"\x89PNG\r\n\x1a\n"


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


def foreign(subject: Subject) -> Section | None:
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


def gallery(subject: Subject) -> Section | None:
    """The worst errors as pictures."""
    found = subject.split.gallery
    if not found:
        return None
    exhibits, left = [], PICTURE_BYTES
    for one in found:
        data = _picture(subject.pictures, one.get("file"), left)
        left -= len(data or b"")
        probability = value_of(one.get("probability"))
        facts = [] if one.get("label") is None else [f"label: {one['label']}"]
        facts += [] if probability is None else [f"probability {number(probability)}"]
        exhibits.append(
            Exhibit(
                str(one["kind"]),
                str(one["id"]),
                ". ".join(str(one[key]) for key in ("caption", "note") if one.get(key)),
                ", ".join(facts),
                data_uri(data, "image/png") if data else None,
            )
        )
    shown = sum(one.uri is not None for one in exhibits)
    text = f"The worst of {subject.counted}: not a sample."
    if shown:
        text = (
            f"This page contains {plural(shown, 'radiograph')}: pass it on only where you may "
            f"pass them on. {text}"
        )
    return Section("Error gallery", (text,), exhibits=tuple(exhibits))


def _picture(folder: Path | None, name: object, limit: int) -> bytes | None:
    """A PNG of the gallery; nothing if it lies outside the folder, is no PNG or too large."""
    if folder is None or not isinstance(name, str):
        return None
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()) or file.stat().st_size > limit:
            return None
        data = file.read_bytes()
    except (OSError, ValueError):
        return None
    return data if data.startswith(_PNG) else None
