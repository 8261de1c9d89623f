"""Sections of the page on boxes, masks and heatmaps."""

from __future__ import annotations

from fractura.evaluation.report.charts import draw_f1, draw_froc, draw_precision_recall
from fractura.evaluation.report.section import Section, notes_of, there
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    cell_of,
    count,
    cross_grid,
    figure_cell,
    figures_grid,
    grid,
    words,
)


def detection(subject: Subject) -> Section | None:
    """Average precision, FROC, sizes."""
    found = subject.split.detection
    if not found:
        return None
    boxes = subject.split.boxes
    about = subject.about if boxes is None else f"{subject.about}, {boxes:,} boxes"
    curves = found.get("curves") or {}
    grids = [figures_grid("Detection", found.get("figures") or {})]
    if found.get("sizes"):
        rows = [
            (
                (words(one["name"]), words(_range(one.get("range"))), count(one.get("boxes"))),
                one["figures"],
            )
            for one in found["sizes"]
        ]
        grids.append(
            cross_grid(
                "By size of the box", ("size", "share of the image"), rows, counts=("boxes",)
            )
        )
    recall = curves.get("precision_recall")
    return Section(
        "Detection",
        (
            "Normals count: a box in a radiograph without a fracture is a false one. “Fractured "
            "only” leaves normals out, as many papers do, and is higher.",
        ),
        tuple(grids),
        there(
            [
                draw_froc(curves["froc"], about) if curves.get("froc") else None,
                draw_precision_recall(recall, None, about, "Precision and recall of boxes")
                if recall
                else None,
                draw_f1(curves["f1"], about) if curves.get("f1") else None,
            ]
        ),
        notes=notes_of(found),
    )


def _range(ends: object) -> str | None:
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None
    low, high = ends
    if low is None or not low:
        return f"below {100 * high:.2g} %" if high is not None else "any"
    if high is None or high >= 1:
        return f"from {100 * low:.2g} % on"
    return f"{100 * low:.2g} to {100 * high:.2g} %"


def masks(subject: Subject) -> Section | None:
    """Average precision of outlines."""
    found = subject.split.masks
    if not found:
        return None
    return Section("Masks", grids=(figures_grid("Masks", found["figures"]),), notes=notes_of(found))


def heatmaps(subject: Subject) -> Section | None:
    """Whether heatmaps lie on the fractures, beside chance and a model with random weights."""
    found = subject.split.heatmaps
    if not found:
        return None
    figures = found.get("figures") or {}
    random = found.get("randomised") or {}
    pairs = (
        ("Pointing game", "pointing_game", "chance_pointing", "pointing_game"),
        ("Energy in the box", "energy_in_box", "chance_energy", "energy_in_box"),
    )
    rows = [
        [
            words(title),
            figure_cell(figures[key]),
            cell_of(figures, chance),
            cell_of(random, shuffled),
        ]
        for title, key, chance, shuffled in pairs
        if key in figures
    ]
    shown = {name for _, key, chance, _ in pairs for name in (key, chance)}
    others = {name: one for name, one in figures.items() if name not in shown}
    if random.get("correlation") is not None:
        others["correlation with a model of random weights"] = random["correlation"]
    grids = [grid("Heatmaps", ("score", "model", "chance", "random weights"), rows)]
    if others:
        grids.append(figures_grid("Heatmaps, further figures", others))
    radiographs, boxes = found.get("radiographs"), found.get("boxes")
    counted = f"{radiographs:,} radiographs with {boxes:,} boxes. " if radiographs and boxes else ""
    return Section(
        "Heatmaps",
        (
            f"{counted}A heatmap that scores no better than chance, or that hardly changes when "
            "the weights are random, shows nothing of what the model has learnt.",
        ),
        tuple(grids),
        notes=notes_of(found),
    )
