"""Statistics as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from fractura.datasets.record import LABELS, SPLITS
from fractura.datasets.report.table import Row, Table, cross_table
from fractura.datasets.stats import AGE_BIN, NOT_GIVEN, Spread, Statistics

_SPREAD = ("count", "smallest", "5 %", "25 %", "median", "75 %", "95 %", "largest")


def statistics_tables(stats: Statistics) -> list[Table]:
    """Every table of the statistics that has rows, the most telling first."""
    labels = stats.labels
    tables = [
        cross_table("Splits", "split", stats.cross("split", "label"), labels),
        cross_table("Sources", "source", stats.cross("source", "label"), labels),
        cross_table("Regions", "region", stats.cross("region", "label"), labels),
        cross_table("Views", "view", stats.cross("view", "label"), labels),
        _splits_of_sources(stats),
        _counts("Fracture types", "type", stats.fracture_types),
        _counts("AO/OTA codes", "code", stats.ao),
        _counts("Kinds of annotations", "kind", stats.kinds),
        _counts("Laterality", "side", stats.lateralities),
        cross_table("Sex", "sex", stats.sexes, labels),
        _flags(stats),
        _spreads("Age in years", "label", stats.ages),
        _age_histogram(stats),
        _spreads(
            "Image size",
            "quantity",
            {
                "width, pixels": stats.widths,
                "height, pixels": stats.heights,
                "megapixels": stats.megapixels,
            },
        ),
        _sizes(stats),
        cross_table("File formats", "format", stats.formats, labels),
        _counts("Modality", "modality", stats.modalities),
        _marks(stats),
        _spreads(
            "Box area in % of the image",
            "annotation",
            {label: _percent(marks.areas) for label, marks in stats.marks.items()},
        ),
        Table(
            "Annotations in an image",
            ("annotations", "images"),
            tuple(stats.boxes_per_image.items()),
        ),
        _units(stats),
        _counts("Licences", "licence", stats.licences),
        _missing(stats),
        _combinations(stats),
    ]
    return [table for table in tables if _tells(table)]


def _tells(table: Table) -> bool:
    """Whether a table has rows, and not merely the one that says that nothing is given."""
    names = [row[0] for row in table.rows]
    return names not in ([], [NOT_GIVEN]) or (bool(names) and table.title == "Splits")


def _splits_of_sources(stats: Statistics) -> Table:
    present = stats.count("split")
    columns = [split for split in (*SPLITS, NOT_GIVEN) if split in present]
    table = stats.cross("source", "split") if len(stats.missing_by_source) > 1 else {}
    return cross_table("Splits of each source", "source", table, columns)


def _combinations(stats: Statistics) -> Table:
    order: dict[str, int] = {label: index for index, label in enumerate(LABELS)}
    cells = sorted(stats.cells, key=lambda cell: (-cell.images, order[cell.label]))
    return Table(
        "Label × region × view × source × split",
        ("label", "region", "view", "source", "split", "images"),
        tuple((c.label, c.region, c.view, c.source, c.split, c.images) for c in cells),
    )


def _counts(title: str, first: str, counts: Mapping[str, int]) -> Table:
    return Table(title, (first, "count"), tuple(counts.items()))


def _flags(stats: Statistics) -> Table:
    answers = ("yes", "no", NOT_GIVEN)
    rows: tuple[Row, ...] = tuple(
        (name.replace("_", "-"), *(counts[answer] for answer in answers))
        for name, counts in stats.flags.items()
        if counts["yes"] or counts["no"]
    )
    return Table("Metal, cast, follow-up", ("", *answers), rows)


def _spreads(title: str, first: str, spreads: Mapping[str, Spread | None]) -> Table:
    rows = tuple((name, *_values(found)) for name, found in spreads.items() if found)
    return Table(title, (first, *_SPREAD), rows)


def _values(found: Spread) -> Row:
    quantiles = (found.q05, found.q25, found.median, found.q75, found.q95)
    return (found.count, found.minimum, *quantiles, found.maximum)


def _percent(found: Spread | None) -> Spread | None:
    if found is None:
        return None
    shares = {name: 100 * share for name, share in asdict(found).items() if name != "count"}
    return replace(found, **shares)


def _age_histogram(stats: Statistics) -> Table:
    histogram = stats.age_histogram
    bins = max(map(len, histogram.values()), default=0)
    rows = {
        f"{AGE_BIN * index} to {AGE_BIN * (index + 1) - 1}": {
            label: counts[index] for label, counts in histogram.items()
        }
        for index in range(bins)
    }
    return cross_table("Ages", "years", rows, histogram)


def _sizes(stats: Statistics) -> Table:
    table: dict[str, dict[str, int]] = {}
    for size in stats.sizes:
        table.setdefault(f"{size.width} × {size.height}", {})[size.label] = size.images
    title = f"The {len(table):,} different sizes" if len(table) > 1 else "The one size"
    return cross_table(title, "width × height", table, stats.labels)


def _marks(stats: Statistics) -> Table:
    rows = tuple(
        (label, marks.count, marks.images, marks.outlined) for label, marks in stats.marks.items()
    )
    return Table("Annotations", ("label", "annotations", "images", "with polygons"), rows)


def _units(stats: Statistics) -> Table:
    rows: Iterable[Row] = (
        (
            name,
            units.count,
            units.images,
            units.size.median if units.size else None,
            units.size.maximum if units.size else None,
        )
        for name, units in stats.units.items()
        if units.count
    )
    head = ("unit", "different", "images that name it", "images in each, median", "most")
    return Table("Patients, studies, groups", head, tuple(rows))


def _missing(stats: Statistics) -> Table:
    sources = tuple(stats.missing_by_source)
    several = sources if len(sources) > 1 else ()
    rows: tuple[Row, ...] = tuple(
        (
            column.replace("_", " "),
            100 * share,
            *(100 * stats.missing_by_source[source][column] for source in several),
        )
        for column, share in stats.missing.items()
    )
    return Table("Empty columns, % of images", ("column", "all", *several), rows if sources else ())
