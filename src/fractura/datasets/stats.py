"""What a manifest holds, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import LABELS, SEXES, SPLITS, Annotation, Label, Record

NOT_GIVEN = "not given"
"""Stands where a source is silent."""
AGE_BIN = 5
"""Years in a bin of the histogram of ages."""
AREA_EXPONENTS = tuple(step / 5 for step in range(-30, 1))
"""Edges, as powers of ten, of the histogram of box areas as shares of their image."""
COLUMNS = (
    "patient",
    "study",
    "regions",
    "views",
    "laterality",
    "age",
    "sex",
    "fracture_types",
    "ao",
    "annotations",
    "hardware",
    "cast",
    "follow_up",
    "modality",
    "licence",
    "official_split",
    "split",
    "width",
    "height",
    "bits",
    "format",
    "sha256",
)
"""The columns that a source may leave empty."""

Counts = Mapping[str, int]
Cross = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers lie; quantiles are interpolated linearly (Hyndman and Fan 1996, type 7)."""

    count: int
    minimum: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    maximum: float


@dataclass(frozen=True, slots=True)
class StatisticsCell:
    """Number of images of one label, region, view, source and split.

    Several regions or views in one image are joined with ``" + "``, so that cells add up to the
    number of images. What a source does not tell is :data:`NOT_GIVEN`.
    """

    label: str
    region: str
    view: str
    source: str
    split: str
    images: int


@dataclass(frozen=True, slots=True)
class Size:
    """Number of images of one label that are ``width`` by ``height`` pixels."""

    width: int
    height: int
    label: str
    images: int


@dataclass(frozen=True, slots=True)
class Marks:
    """Annotations of one label.

    Attributes:
        count: how many there are, in how many ``images``.
        outlined: how many have polygons.
        areas: of their boxes, as shares (0..1) of their images, where the image's size is known.
        histogram: number of areas in each bin between :data:`AREA_EXPONENTS`; the first and the
            last bin also take what lies beyond.
    """

    count: int
    images: int
    outlined: int
    areas: Spread | None
    histogram: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Units:
    """Patients, studies or groups: how many, and the images in each.

    Attributes:
        count: how many different ones are named.
        images: how many images name theirs.
        size: images in each.
    """

    count: int
    images: int
    size: Spread | None


@dataclass(frozen=True)
class Statistics:
    """Everything counted of one manifest. Labels stay apart: ``abnormal`` is never a fracture.

    Attributes:
        content_hash: of the manifest.
        records: number of images.
        intakes: a sentence for each source on how it came in.
        cells: see :class:`StatisticsCell`.
        official_splits: images in each split that the sources publish.
        fracture_types, ao, kinds: images that name the type or the AO/OTA code; annotations that
            name their kind.
        sexes: sex -> label -> images.
        lateralities, modalities, licences: images.
        flags: ``hardware``, ``cast``, ``follow_up`` -> ``yes``, ``no``, not given -> images.
        ages: in years, for each label.
        age_histogram: images in bins of :data:`AGE_BIN` years from 0, for each label.
        widths, heights, megapixels: of the images.
        sizes: the different sizes, the most frequent first.
        formats: ``"PNG, 16 bit"`` -> label -> images.
        boxes_per_image: how many images have 0, 1, … annotations, of those whose source marks
            such things.
        marks: for each annotation label.
        units: ``patients``, ``studies``, ``groups``.
        missing: share (0..1) of the images in which a column is empty. ``fracture_types`` and
            ``ao`` are counted among images labelled ``fracture`` alone.
        missing_by_source: the same for each source.
        noted: images with notes on contradictions or repairs.
    """

    content_hash: str
    records: int
    intakes: tuple[str, ...]
    cells: tuple[StatisticsCell, ...]
    official_splits: Counts
    fracture_types: Counts
    ao: Counts
    kinds: Counts
    sexes: Cross
    lateralities: Counts
    modalities: Counts
    licences: Counts
    flags: Cross
    ages: Mapping[str, Spread]
    age_histogram: Mapping[str, tuple[int, ...]]
    widths: Spread | None
    heights: Spread | None
    megapixels: Spread | None
    sizes: tuple[Size, ...]
    formats: Cross
    boxes_per_image: Mapping[int, int]
    marks: Mapping[str, Marks]
    units: Mapping[str, Units]
    missing: Mapping[str, float]
    missing_by_source: Mapping[str, Mapping[str, float]]
    noted: int

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels that occur, in the schema's order."""
        present = {cell.label for cell in self.cells}
        return tuple(label for label in LABELS if label in present)

    def count(self, field: str) -> dict[str, int]:
        """Images for each value of a field of :class:`StatisticsCell`, the most frequent first."""
        return {row: sum(counts.values()) for row, counts in self.cross(field, "label").items()}

    def cross(self, rows: str, columns: str) -> dict[str, dict[str, int]]:
        """Images for each pair of values of two fields of :class:`StatisticsCell`.

        Labels and splits come in the schema's order, other values the most frequent first.
        """
        table: dict[str, Counter[str]] = defaultdict(Counter)
        for cell in self.cells:
            table[getattr(cell, rows)][getattr(cell, columns)] += cell.images
        order = _ORDERS.get(rows)
        ranked = sorted(table, key=lambda row: (-table[row].total(), row))
        if order:
            ranked = [value for value in order if value in table]
        return {row: dict(table[row]) for row in ranked}

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, ``stats.json``."""
        fields = ("label", "region", "view", "source", "split")
        return {
            "schema": 1,
            "counts": {field: self.count(field) for field in fields},
            **asdict(self),
        }


_ORDERS: Mapping[str, tuple[str, ...]] = {"label": LABELS, "split": (*SPLITS, NOT_GIVEN)}


def statistics(manifest: Manifest) -> Statistics:
    """Count what a manifest holds; no image is opened."""
    records = manifest.records
    measured = [(r.width, r.height) for r in records if r.width is not None and r.height]
    by_source: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_source[record.source].append(record)
    return Statistics(
        content_hash=manifest.content_hash,
        records=len(records),
        intakes=tuple(intake.sentence() for intake in manifest.intakes),
        cells=_cells(records),
        official_splits=_count(record.official_split for record in records),
        fracture_types=_count(kind for record in records for kind in record.fracture_types),
        ao=_count(code for record in records for code in record.ao),
        kinds=_count(mark.kind for r in records for mark in r.annotations or () if mark.kind),
        sexes=_cross(records, lambda record: record.sex or NOT_GIVEN, (*SEXES, NOT_GIVEN)),
        lateralities=_count(record.laterality for record in records),
        modalities=_count(record.modality for record in records),
        licences=_count(record.licence for record in records),
        flags={name: _flag(records, name) for name in ("hardware", "cast", "follow_up")},
        ages=_ages(records),
        age_histogram=_age_histogram(records),
        widths=spread([width for width, _ in measured]),
        heights=spread([height for _, height in measured]),
        megapixels=spread([width * height / 1e6 for width, height in measured]),
        sizes=_sizes(records),
        formats=_cross(records, _format),
        boxes_per_image=dict(
            sorted(
                Counter(len(r.annotations) for r in records if r.annotations is not None).items()
            )
        ),
        marks=_marks(records),
        units={
            "patients": _units((r.source, r.patient) for r in records if r.patient is not None),
            "studies": _units((r.source, r.study) for r in records if r.study is not None),
            "groups": _units(("", r.group) for r in records if r.group is not None),
        },
        missing={column: _missing(records, column) for column in COLUMNS},
        missing_by_source={
            source: {column: _missing(some, column) for column in COLUMNS}
            for source, some in sorted(by_source.items())
        },
        noted=sum(bool(record.notes) for record in records),
    )


def spread(values: Sequence[float]) -> Spread | None:
    """Quantiles of some numbers; ``None`` of none."""
    if not values:
        return None
    quantiles = np.quantile(values, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
    return Spread(len(values), *(float(value) for value in quantiles))


def _cells(records: Iterable[Record]) -> tuple[StatisticsCell, ...]:
    counts = Counter(
        (
            record.label,
            " + ".join(record.regions) or NOT_GIVEN,
            " + ".join(record.views) or NOT_GIVEN,
            record.source,
            record.split or NOT_GIVEN,
        )
        for record in records
    )
    return tuple(StatisticsCell(*key, images=count) for key, count in sorted(counts.items()))


def _count(values: Iterable[str | None]) -> dict[str, int]:
    counts = Counter(NOT_GIVEN if value is None else value for value in values)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _cross(
    records: Iterable[Record], row_of: Callable[[Record], str], order: Sequence[str] = ()
) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        table[row_of(record)][record.label] += 1
    rows = [row for row in order if row in table] or sorted(
        table, key=lambda row: (-table[row].total(), row)
    )
    return {row: dict(table[row]) for row in rows}


def _flag(records: Iterable[Record], name: str) -> dict[str, int]:
    words = {True: "yes", False: "no", None: NOT_GIVEN}
    counts = Counter(words[getattr(record, name)] for record in records)
    return {word: counts[word] for word in words.values()}


def _ages(records: Iterable[Record]) -> dict[str, Spread]:
    ages: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if record.age is not None:
            ages[record.label].append(record.age)
    spreads = ((label, spread(ages[label])) for label in LABELS if label in ages)
    return {label: found for label, found in spreads if found}


def _age_histogram(records: Sequence[Record]) -> dict[str, tuple[int, ...]]:
    bins = [(r.label, int(r.age // AGE_BIN)) for r in records if r.age is not None]
    length = max((index for _, index in bins), default=-1) + 1
    counts = Counter(bins)
    present = {label for label, _ in bins}
    return {
        label: tuple(counts[label, index] for index in range(length))
        for label in LABELS
        if label in present
    }


def _sizes(records: Iterable[Record]) -> tuple[Size, ...]:
    counts: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for record in records:
        if record.width is not None and record.height is not None:
            counts[record.width, record.height][record.label] += 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
    return tuple(
        Size(width, height, label, labels[label])
        for (width, height), labels in ranked
        for label in LABELS
        if labels[label]
    )


def _format(record: Record) -> str:
    bits = NOT_GIVEN if record.bits is None else f"{record.bits} bit"
    return f"{record.format or NOT_GIVEN}, {bits}"


def _marks(records: Iterable[Record]) -> dict[str, Marks]:
    found: dict[str, list[tuple[Record, Annotation]]] = defaultdict(list)
    for record in records:
        for mark in record.annotations or ():
            found[mark.label].append((record, mark))
    ranked = sorted(found, key=lambda label: (-len(found[label]), label))
    return {label: _marks_of(found[label]) for label in ranked}


def _marks_of(found: Sequence[tuple[Record, Annotation]]) -> Marks:
    areas = [
        mark.box.width * mark.box.height / (record.width * record.height)
        for record, mark in found
        if record.width and record.height
    ]
    areas = [area for area in areas if area > 0]
    exponents = np.clip(np.log10(areas), AREA_EXPONENTS[0], AREA_EXPONENTS[-1])
    histogram, _ = np.histogram(exponents, AREA_EXPONENTS)
    return Marks(
        count=len(found),
        images=len({record.id for record, _ in found}),
        outlined=sum(bool(mark.outlines) for _, mark in found),
        areas=spread(areas),
        histogram=tuple(histogram.tolist()),
    )


def _units(names: Iterable[tuple[str, str]]) -> Units:
    counts = Counter(names)
    return Units(len(counts), counts.total(), spread(list(counts.values())))


def _missing(records: Sequence[Record], column: str) -> float:
    if column in ("fracture_types", "ao"):
        records = [record for record in records if record.label == "fracture"]
    values = [getattr(record, column) for record in records]
    empty = sum(value is None or (value == () and column != "annotations") for value in values)
    return empty / len(values) if values else 0.0
