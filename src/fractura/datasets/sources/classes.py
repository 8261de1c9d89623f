"""From the classes of a detection data set to what its images show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fractura.datasets.record import FRACTURE, Annotation, Label, Outline, Remark
from fractura.datasets.sources.words import (
    find_class,
    find_region,
    fracture_type,
    is_ambiguous,
    unknown_words,
)
from fractura.findings import Box

_STRONGEST: tuple[Label, ...] = ("fracture", "abnormal", "no fracture", "normal")


@dataclass(frozen=True)
class Meaning:
    """What a class says of an image: ``None`` if nothing about fractures or abnormality.

    ``kind`` is the type of the fracture and ``region`` the part of the body that its name tells.
    """

    label: Label | None
    kind: str | None = None
    region: str | None = None


def find_meanings(
    what: str,
    names: Iterable[str],
    labels: Mapping[str, Label],
    kind_of: Callable[[str], str | None] = fracture_type,
) -> dict[str, Meaning]:
    """What each class means; see :func:`fractura.datasets.sources.words.find_class`.

    Args:
        what: the data set, for messages.
        names: of the classes.
        labels: what a person said of them.
        kind_of: the type of the fracture by the name of a class that means one.

    Raises:
        SourceError: none has a meaning, or one is a bare *positive* or *negative*.
    """
    meanings = {}
    for name in names:
        label = find_class(name, labels)
        kind = kind_of(name) if label == "fracture" else None
        meanings[name] = Meaning(label, kind, find_region(name) if label else None)
    unknown = [name for name, meaning in meanings.items() if meaning.label is None]
    ambiguous = [name for name in unknown if is_ambiguous(name)]
    if ambiguous or len(unknown) == len(meanings) > 0:
        raise unknown_words(f"{what}: these classes", ambiguous or unknown)
    return meanings


def summary(counts: Mapping[str, int], meanings: Mapping[str, Meaning]) -> tuple[Remark, ...]:
    """What became of each class.

    Args:
        counts: how many marks, or images, each has.
        meanings: of all classes.
    """
    return tuple(
        Remark(f"{name!r} ({counts.get(name, 0):,}): {_in_words(meaning)}")
        for name, meaning in sorted(meanings.items())
    )


def _in_words(meaning: Meaning) -> str:
    parts = [
        meaning.label or "",
        f"type {meaning.kind}" if meaning.kind else "",
        f"region {meaning.region}" if meaning.region else "",
    ]
    said = ", ".join(part for part in parts if part)
    return said or "says nothing of fractures; kept under its own name"


def strongest(labels: Iterable[Label | None]) -> Label:
    """The label of an image with parts of these labels: a fracture goes before anything else."""
    found = set(labels)
    return next((label for label in _STRONGEST if label in found), "unknown")


def annotate(
    name: str, meaning: Meaning, box: Box, outlines: tuple[Outline, ...] = ()
) -> Annotation:
    """A mark of a class: a fracture's, or one that keeps the class's name."""
    return Annotation(
        FRACTURE if meaning.label == "fracture" else name, box, outlines, meaning.kind
    )


def image_fields(
    marked: Iterable[str], meanings: Mapping[str, Meaning], *, complete: bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """``label``, ``fracture_types`` and ``regions`` by the classes marked in an image, and notes.

    A fracture goes before anything else. An image without marks shows no fracture if the data
    set marks fractures elsewhere. Marks of unknown meaning (metal) decide nothing.

    Args:
        marked: classes of the marks.
        meanings: of all classes in the data set.
        complete: whether every mark could be read; if not, nothing follows from what is missing.
    """
    names = sorted(set(marked))
    found = {meanings[name].label for name in names}
    if not names and any(meaning.label == "fracture" for meaning in meanings.values()):
        found = {"no fracture"}
    label = strongest(found)
    notes: tuple[str, ...] = ()
    if names and found == {None}:
        notes = (f"what is marked says nothing of fractures: {', '.join(map(repr, names))}",)
    if not complete and label != "fracture":
        label = "unknown"
    types = {kind for name in names if (kind := meanings[name].kind) is not None}
    regions = {region for name in names if (region := meanings[name].region) is not None}
    content = {"fracture_types": tuple(sorted(types)), "regions": tuple(sorted(regions))}
    return {"label": label, **content}, notes
