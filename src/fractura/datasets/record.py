"""One labelled radiograph, in the words that every source is translated into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from fractura.findings import Box

Label = Literal["fracture", "no fracture", "abnormal", "normal", "unknown"]
"""What a source says of a whole image.

``fracture`` and ``no fracture`` speak of fractures alone: an image with ``no fracture`` may show
arthrosis or metal. ``abnormal`` and ``normal`` speak of anything: an ``abnormal`` image (MURA's
*positive*) may show no fracture at all, so it is never taken for one.
"""
Split = Literal["train", "valid", "test"]
Laterality = Literal["left", "right"]
Sex = Literal["female", "male", "other"]

LABELS: tuple[Label, ...] = get_args(Label)
SPLITS: tuple[Split, ...] = get_args(Split)
LATERALITIES: tuple[Laterality, ...] = get_args(Laterality)
SEXES: tuple[Sex, ...] = get_args(Sex)

FRACTURE = "fracture"
"""The label of an annotation that marks a fracture; others keep their source's own word."""

Outline = tuple[tuple[float, float], ...]
"""A closed polygon of ``(x, y)`` corners in pixels of the source image."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something marked in an image.

    Attributes:
        label: :data:`FRACTURE`, or the source's word for anything else (``"metal"``).
        box: the tight upright rectangle around it, in pixels of the image.
        outlines: its polygons where the source has them; several where it is in parts.
        kind: type of the fracture where the source tells (``"oblique"``, an AO/OTA code).
    """

    label: str
    box: Box
    outlines: tuple[Outline, ...] = ()
    kind: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain lists and floats, as manifests store them."""
        return {
            "label": self.label,
            "box": [float(value) for value in self.box.as_list()],
            "outlines": [[[float(x), float(y)] for x, y in outline] for outline in self.outlines],
            "kind": self.kind,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Annotation:
        """The inverse of :meth:`as_dict`."""
        outlines = tuple(
            tuple((float(x), float(y)) for x, y in outline) for outline in data["outlines"]
        )
        return cls(data["label"], Box(*map(float, data["box"])), outlines, data["kind"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An image file and what its source says of it. ``None`` or empty: the source is silent.

    Attributes:
        id: unique in the manifest: the source's name, ``/``, and a path or number within it.
        path: the image file.
        source: name of the data set.
        label: see :data:`Label`.
        sha256: hexadecimal digest of the file's bytes.
        licence: under which the source gives the image.
        patient, study: identifiers, unique within the source alone.
        regions: body regions in view, in the source's own words in lower case (``"wrist"``).
        views: projections in view (``"frontal"``, ``"lateral"``, ``"oblique"``).
        laterality, sex: see their types.
        age: in years.
        fracture_types: types of the fractures in view, in the source's words.
        ao: AO/OTA codes of the fractures in view.
        annotations: what is marked; ``()`` if the source marks such things and found none here,
            ``None`` if it marks nothing at all.
        hardware, cast, follow_up: metal, cast or splint in view; not the first examination.
        modality: DICOM's (PS3.3, C.7.3.1.1.1) where known: ``"CR"``, ``"DX"``, ``"MR"``.
        width, height, bits, format: the image's size in pixels, bits a pixel, and file format
            (``"PNG"``), read from the file's head.
        official_split: the split that the source publishes.
        split: the split in force.
        fold: number of the cross-validation fold, from 0.
        group: records with one group show one patient or one picture and must stay together.
        order: position in the source's acquisition order, where neighbours may be one patient.
        copies: how often an epoch of training shows it; 0 leaves it out.
        weight: of its loss in training.
        notes: sentences about contradictions and repairs, for people.
        extra: what the source says and no field above holds.
    """

    id: str
    path: Path
    source: str
    label: Label
    sha256: str | None = None
    licence: str | None = None
    patient: str | None = None
    study: str | None = None
    regions: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    laterality: Laterality | None = None
    age: float | None = None
    sex: Sex | None = None
    fracture_types: tuple[str, ...] = ()
    ao: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] | None = None
    hardware: bool | None = None
    cast: bool | None = None
    follow_up: bool | None = None
    modality: str | None = None
    width: int | None = None
    height: int | None = None
    bits: int | None = None
    format: str | None = None
    official_split: Split | None = None
    split: Split | None = None
    fold: int | None = None
    group: str | None = None
    order: int | None = None
    copies: int = 1
    weight: float = 1.0
    notes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Every field in its plain form, the path as it is."""
        row = {name: getattr(self, name) for name in FIELDS}
        if self.annotations is not None:
            row["annotations"] = [mark.as_dict() for mark in self.annotations]
        row["age"] = None if self.age is None else float(self.age)
        row["weight"] = float(self.weight)
        row["extra"] = dict(sorted(self.extra.items()))
        return row

    @property
    def fractured(self) -> bool | None:
        """Whether the image shows a fracture; ``None`` where the label does not tell."""
        if self.label == "fracture":
            return True
        return False if self.label in ("no fracture", "normal") else None

    @property
    def abnormal(self) -> bool | None:
        """Whether the image shows anything abnormal; ``None`` where the label does not tell."""
        if self.label in ("fracture", "abnormal"):
            return True
        return False if self.label == "normal" else None

    @property
    def fractures(self) -> tuple[Annotation, ...]:
        """The marked fractures."""
        return tuple(mark for mark in self.annotations or () if mark.label == FRACTURE)


FIELDS = tuple(field.name for field in fields(Record))
"""What a record has, in the order in which manifests store it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something that a source lists and the manifest leaves out.

    Attributes:
        what: the file, or the table and its line.
        reason: worded alike for like causes, so that they can be counted.
    """

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Remark:
    """How a source was understood, one sentence for people: ``"'elbow' (12): region elbow"``."""

    text: str
