"""What a scorecard knows, one fact a sentence or two, for the checklists and the model card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from fractura.datasets.report.page import listed, plural
from fractura.evaluation.report.subgroups import worst_subgroups
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import capital, in_words, number, title_of, value_of
from fractura.version import __version__

Fact = Callable[[Subject], str | None]


def figures_in_words(figures: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """Those figures that there are, joined by semicolons."""
    found = [f"{title_of(name)} {in_words(figures[name])}" for name in names if name in figures]
    return "; ".join(found)


def model(subject: Subject) -> str:
    """Name, kind and size."""
    card = subject.scorecard
    parameters = card.cost.parameters
    size = f", {parameters:,} parameters" if parameters else ""
    side = card.cost.input_side
    inputs = f", input of {side} pixels" if side else ""
    return f"Model {subject.model}: {card.kind}{size}{inputs}."


def headline(subject: Subject) -> str:
    """The main figure and the most asked for."""
    figures = subject.split.figures
    names = (str(subject.split.main), "auroc", "accuracy", "sensitivity", "specificity", "ap50")
    return f"{figures_in_words(figures, tuple(dict.fromkeys(names)))}, on {subject.about}."


def task(subject: Subject) -> str:
    """The task."""
    names = subject.names or subject.classes
    return f"Task: {subject.scorecard.task}; classes: {listed(names)}."


def data(subject: Subject) -> str:
    """Which manifest."""
    source = subject.scorecard.provenance.manifest_hash
    return f"Manifest with content hash {source}, split “{subject.name}”."


def inclusion(subject: Subject) -> str:
    """Which cases of the manifest."""
    return (
        f"Measured: {subject.counted}, those of split “{subject.name}” with a label and an answer. "
        "Who came into the manifest is to be told."
    )


def preprocessing(subject: Subject) -> str | None:
    """What is known of the way from file to input."""
    side = subject.scorecard.cost.input_side
    return f"Scaled to an input of {side} pixels." if side else None


def missing(subject: Subject) -> str | None:
    """What became of cases without an answer."""
    found = subject.split.unanswered
    if found is None:
        return None
    if not found["count"]:
        return "No case was without an answer."
    return f"{plural(found['count'], 'case')} without an answer are in no figure; ids are listed."


def labels(subject: Subject) -> str:
    """What the labels say."""
    boxes = subject.split.boxes
    known = "" if not boxes else f", and {boxes:,} boxes"
    return f"Labels of the manifest: {listed(subject.names or subject.classes)}{known}."


def label_errors(subject: Subject) -> str | None:
    """How many labels the software suspects."""
    found = [one for one in subject.split.gallery or () if "label" in str(one["kind"])]
    return f"{plural(len(found), 'suspected label error')} in the gallery." if found else None


def partition(subject: Subject) -> str:
    """The split's name."""
    return f"By the manifest's column “split”; measured on “{subject.name}”."


def disjoint(subject: Subject) -> str | None:
    """Whether a leak was looked for, and found."""
    if not subject.split.leaks_checked:
        return None
    if subject.split.leak is not None and subject.leak:
        reasons = [f"{reason}." for reason in subject.split.leak["reasons"]]
        return " ".join([f"{capital(subject.leak)}.", *reasons])
    return (
        "No case shares id, bytes, group or patient with what the model was trained on, as far as "
        "the manifest names them."
    )


def size(subject: Subject) -> str:
    """The size there is; not the size planned."""
    return f"Measured: {subject.counted}, in {plural(subject.split.clusters, 'cluster')}."


def software(subject: Subject) -> str:
    """Versions."""
    source = subject.scorecard.provenance
    versions = [f"{name} {one}" for name, one in (source.versions or {}).items()]
    revision = [f"revision {source.revision}"] if source.revision else []
    known = ", ".join([*revision, *versions]) or "not told"
    return f"Report by fractura {__version__}. Versions behind the scorecard: {known}."


def initial(subject: Subject) -> str | None:
    """What weights training started from."""
    found = subject.scorecard.cost.started_from
    return f"Started from: {found}." if found else None


def training(subject: Subject) -> str | None:
    """Recipe, seed, epochs, time."""
    source, cost = subject.scorecard.provenance, subject.scorecard.cost
    known = [f"Recipe {source.recipe}"] if source.recipe else []
    known += [f"seed {source.seed}"] if source.seed is not None else []
    known += [f"{cost.epochs} epochs"] if cost.epochs else []
    seconds = cost.training_seconds
    known += [f"{seconds / 60:.0f} minutes of training steps"] if seconds else []
    return f"{', '.join(known)}." if known else None


def ensemble(subject: Subject) -> str | None:
    """Test-time augmentation, the only ensemble the software makes."""
    found = subject.split.tta
    return f"Test-time augmentation over {found['views']} views, told apart." if found else None


def measures(subject: Subject) -> str:
    """Names of all figures."""
    return f"{listed([title_of(name) for name in subject.split.figures])}."


def uncertainty(subject: Subject) -> str:
    """How intervals were made."""
    return (
        f"Intervals: {subject.split.interval}, over "
        f"{plural(subject.split.clusters, 'cluster')} of what belongs together."
    )


def robustness(subject: Subject) -> str | None:
    """Losses under corruption."""
    found = subject.split.robustness
    summary = {
        str(name): value
        for name, one in ((found or {}).get("summary") or {}).items()
        if (value := value_of(one)) is not None
    }
    if not summary:
        return None
    worst = max(summary, key=lambda name: summary[name])
    return (
        f"{plural(len(summary), 'corruption')} in five steps; the worst is {worst}, with a mean "
        f"loss of {number(summary[worst])} of the AUROC over chance."
    )


def explanation(subject: Subject) -> str | None:
    """Scores of heatmaps."""
    found = subject.split.heatmaps
    if not found:
        return None
    names = ("pointing_game", "chance_pointing", "energy_in_box", "chance_energy")
    return f"Heatmaps, scored: {figures_in_words(found['figures'], names)}."


def tested_on(subject: Subject) -> str:
    """Which split; whether it is external only people know."""
    return (
        f"Split “{subject.name}” of the manifest above. Whether that is external to the model's "
        "training is to be told."
    )


def flow(subject: Subject) -> str:
    """Numbers in and out."""
    unanswered = subject.split.unanswered
    left = f"; {unanswered['count']:,} without an answer left out" if unanswered else ""
    return f"{subject.counted} measured{left}."


def composition(subject: Subject) -> str | None:
    """Subgroups with their numbers."""
    by: dict[str, list[str]] = {}
    for one in subject.split.subgroups or ():
        by.setdefault(str(one["attribute"]), []).append(f"{one['value']} {one['cases']:,}")
    parts = [f"{attribute}: {', '.join(values)}" for attribute, values in by.items()]
    return f"Of this split: {'; '.join(parts)}." if parts else None


def accuracy(subject: Subject) -> str | None:
    """Accuracy at each operating point, else at 0.5."""
    points = subject.split.points or ()
    names = ("sensitivity", "specificity", "precision", "npv")
    whole = ("auroc", "ap50") if points else ("auroc", *names, "accuracy", "ap50")
    text = figures_in_words(subject.split.figures, whole)
    found = [f"{capital(text)}."] if text else []
    found += [
        f"At “{point['name']}”: {figures_in_words(point['figures'], names)}." for point in points
    ]
    return " ".join(found) or None


def failures(subject: Subject) -> str | None:
    """What the gallery shows."""
    found = subject.split.gallery or ()
    if not found:
        return None
    kinds = list(dict.fromkeys(str(one["kind"]) for one in found))
    counts = [f"{sum(str(one['kind']) == kind for one in found)} × {kind}" for kind in kinds]
    return f"Error gallery in report.html: {', '.join(counts)}."


def limits(subject: Subject) -> str | None:
    """What the notes say, and the leak."""
    found = [f"{capital(subject.leak)}."] if subject.leak else []
    found += all_notes(subject)
    found += worst_subgroups(subject)
    return " ".join(found) or None


def all_notes(subject: Subject) -> list[str]:
    """The notes of the split and of its sections, each once and as a sentence."""
    sections = (getattr(subject.split, one.name) for one in fields(subject.split))
    parts = (one for one in sections if isinstance(one, Mapping))
    notes = [*subject.split.notes]
    notes += [str(note) for part in parts for note in part.get("notes") or ()]
    notes += map(str, subject.split.subgroup_notes or ())
    return [f"{capital(note.rstrip('.'))}." for note in dict.fromkeys(notes)]


def protocol(subject: Subject) -> str:
    """What can be reproduced."""
    source = subject.scorecard.provenance
    schema = subject.scorecard.schema
    return f"Technical details: recipe {source.recipe}; scorecard.json, schema {schema}."


def availability(subject: Subject) -> str:
    """The software that measured."""
    return f"Measured with fractura {__version__}, Apache-2.0. Model and data are to be told."


def cutoffs(subject: Subject) -> str | None:
    """Thresholds and rules."""
    points = subject.split.points or ()
    found = [
        f"“{one['name']}”: {number(one['threshold'])} ({one.get('rule')}, chosen on "
        f"{one.get('chosen_on')})"
        for one in points
        if one.get("threshold") is not None
    ]
    if found:
        return f"{'; '.join(found)}."
    return "Called positive from a probability of 0.5 on." if subject.names else None


def blinded(subject: Subject) -> str:
    """What the software gave the model."""
    return "The model was given pixels alone, if fractura read them; else it is to be told."


def indeterminate(subject: Subject) -> str | None:
    """What triage leaves to a reader."""
    found = (subject.split.triage or {}).get("figures") or {}
    if "needs_reader" not in found:
        return None
    return f"Triage leaves to a reader: {in_words(found['needs_reader'])}. They count as such."


def variability(subject: Subject) -> str | None:
    """Which analyses of variability there are."""
    titles = {
        "subgroups": "subgroups",
        "robustness": "robustness",
        "metamorphic": "metamorphic relations",
        "tta": "test-time augmentation",
    }
    found = [title for key, title in titles.items() if getattr(subject.split, key)]
    return f"By {listed(found)}." if found else None


def fairness(subject: Subject) -> str | None:
    """The worst subgroups."""
    return " ".join(worst_subgroups(subject)) or None


def sizes(subject: Subject) -> str | None:
    """Boxes by size, all that is known of severity."""
    found = (subject.split.detection or {}).get("sizes") or ()
    parts = [f"{one['name']} {one['boxes']:,}" for one in found if one.get("boxes") is not None]
    return f"Boxes by size: {', '.join(parts)}." if parts else None


def prevalence(subject: Subject) -> str | None:
    """Share of positives in the split."""
    found = subject.prevalence
    return None if found is None else f"Share of positives in the split: {number(found)}."


def crosstab(subject: Subject) -> str | None:
    """The confusion matrix of each point."""
    names = subject.names
    found = [
        f"“{point['name']}”: " + _cells(point["confusion"])
        for point in subject.split.points or ()
        if point.get("confusion")
    ]
    if not found and names and subject.split.confusion:
        found = [f"From 0.5 on: {_cells(subject.split.confusion)}"]
    if not found and subject.split.confusion:
        return "Confusion matrix of all classes in report.html."
    return f"{'; '.join(found)}." if found else None


def _cells(matrix: Any) -> str:
    (true_negative, false_positive), (false_negative, true_positive) = matrix
    return (
        f"{true_positive:,} true positive, {false_negative:,} false negative, "
        f"{false_positive:,} false positive, {true_negative:,} true negative"
    )


def audit(subject: Subject) -> str:
    """How the answers can be checked."""
    return f"Cases and labels have the SHA-256 {subject.split.cases_sha256} in scorecard.json."


FACTS: Mapping[str, Fact] = {
    one.__name__: one
    for one in (
        model, headline, task, data, inclusion, preprocessing, missing, labels, label_errors,
        partition, disjoint, size, software, initial, training, ensemble, measures, uncertainty,
        robustness, explanation, tested_on, flow, composition, accuracy, failures, limits,
        protocol, availability, cutoffs, blinded, indeterminate, variability, fairness, sizes,
        prevalence, crosstab, audit,
    )
}  # fmt: skip
"""Every fact by its name."""
