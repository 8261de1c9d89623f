"""A scorecard as a page, a model card and two filled checklists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fractura.atomic_write import make_folder, write_whole
from fractura.datasets.report.page import render
from fractura.evaluation.report import (
    accuracy,
    baselines,
    boxes,
    gallery,
    ood,
    stress,
    subgroups,
    training,
    triage,
)
from fractura.evaluation.report.card import model_card
from fractura.evaluation.report.checklists import claim_2024, stard_ai
from fractura.evaluation.report.section import Section
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import TableGrid, grid, words
from fractura.evaluation.scorecard import Scorecard

PAGE = "report.html"
_Build = Callable[[Subject], Section | None]

SECTIONS: Mapping[str, _Build] = {
    "key figures": accuracy.key_figures,
    "classes": accuracy.by_class,
    "curves": accuracy.curves,
    "operating points": accuracy.operating_points,
    "calibration": accuracy.calibration,
    "detection": boxes.detection,
    "masks": boxes.masks,
    "triage": triage.triage,
    "baselines": baselines.baselines,
    "subgroups": subgroups.subgroups,
    "robustness": stress.robustness,
    "metamorphic relations": stress.relations,
    "test-time augmentation": stress.augmented,
    "heatmaps": boxes.heatmaps,
    "foreign pictures": ood.out_of_distribution,
    "error gallery": gallery.gallery,
    "training": training.loss_curves,
}
"""What a page may hold, in the order in which a statistical reviewer reads it."""


def write_report(
    scorecard: Scorecard, split: str, out: Path, pictures: Path | None = None
) -> list[Path]:
    """Write ``report.html``, ``model-card.md``, ``claim-2024.md`` and ``stard-ai.md``.

    Args:
        scorecard: of a model. Sections that it lacks are named in one
            list of what was not measured.
        split: that is shown.
        out: a folder; it is made if it is not there.
        pictures: the folder that holds the gallery's pictures, as the scorecard names them, and
            ``metrics.csv`` of a training run; ``None`` if neither is wanted.

    Returns:
        The files, the page first.

    Raises:
        FracturaError: there is no such split, Jinja2 or Matplotlib is not installed, or a file
            cannot be written.
    """
    subject = Subject(scorecard, split, pictures)
    sections, missing = sections_of(subject)
    texts = {
        PAGE: render(
            "report.html.j2",
            room="fractura.evaluation.report",
            subject=subject,
            what=what_was_measured(subject),
            sections=sections,
            missing=missing,
        ),
        "model-card.md": model_card(subject, missing),
        "claim-2024.md": claim_2024(subject),
        "stard-ai.md": stard_ai(subject),
    }
    make_folder(out)
    for name, text in texts.items():
        write_whole(out / name, text.encode("utf-8", "backslashreplace"))
    return [out / name for name in texts]


def sections_of(subject: Subject) -> tuple[list[Section], list[str]]:
    """The sections that the scorecard has, and the names of those that it lacks."""
    built = {name: build(subject) for name, build in SECTIONS.items()}
    found = [section for section in built.values() if section]
    return found, [name for name, section in built.items() if section is None]


def what_was_measured(subject: Subject) -> tuple[TableGrid, TableGrid]:
    """Of which model on what, and by what and when."""
    split, card = subject.split, subject.scorecard
    source = card.provenance
    unanswered: Mapping[str, Any] = split.unanswered or {}
    what = {
        "model": subject.model,
        "task": card.task,
        "classes": ", ".join(subject.names or subject.classes),
        "split": subject.name,
        "one case is": f"one {subject.level}",
        "cases": split.cases,
        "clusters of what belongs together": split.clusters,
        "positives": subject.positives,
        "prevalence": None if subject.prevalence is None else f"{subject.prevalence:.3f}",
        "prevalence for predictive values": split.prevalence,
        "boxes": split.boxes,
        "cases without an answer": unanswered.get("count"),
        "their ids (at most 20)": ", ".join(map(str, unanswered.get("ids") or ())),
        "intervals": split.interval,
        "manifest, content hash": source.manifest_hash,
        "cases and labels, SHA-256": split.cases_sha256,
    }
    by = {
        name: value
        for name, value in asdict(source).items()
        if name not in ("model", "manifest_hash")
    } | asdict(card.cost)
    return _pairs("What was measured", what), _pairs(
        "By what, at what cost", {_TITLES.get(name, name): value for name, value in by.items()}
    )


_TITLES = {
    "revision": "revision of the source code",
    "latency_ms": "CPU time of one image, ms",
    "threads": "threads for it",
    "training_seconds": "training steps, seconds",
    "images_per_second": "images a second in training",
    "input_side": "input side, pixels",
}


def _pairs(title: str, values: Mapping[str, Any]) -> TableGrid:
    rows = [
        (words(name.replace("_", " ")), words(_plain(value)))
        for name, value in values.items()
        if value not in (None, "", {})
    ]
    return grid(title, ("", "value"), rows, words=2)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return f"{value:,}" if isinstance(value, int) else value
