"""``fractura data stats``: what a manifest holds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import show
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.record import Record
    from fractura.datasets.report.table import Table
    from fractura.datasets.stats import Statistics

ROWS_SHOWN = 24
"""Rows of one table on the terminal."""


def stats(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="What fractura data build wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write stats.html, stats.json and figures as PNG files here.",
        ),
    ] = None,
) -> None:
    """Count what a manifest holds: labels, regions, views, sources, splits, sizes, ages, boxes.

    \b
    fractura data stats m.parquet
    fractura data stats m.parquet --out statistics/

    Exit status: 0 all is well, 1 the manifest cannot be read or a file not written, 2 wrong usage.
    """
    from fractura.datasets.report.statistics_tables import statistics_tables
    from fractura.datasets.stats import statistics
    from fractura.datasets.storage import read_manifest

    content = read_manifest(manifest)
    found = statistics(content)
    show(f"{found.records:,} images, content hash {found.content_hash[:12]}")
    for intake in found.intakes:
        show(printable(intake))
    cut = [_show_table(table) for table in statistics_tables(found)]
    if "abnormal" in found.labels or "normal" in found.labels:
        show("\nabnormal: something is wrong, not necessarily a fracture; it is counted apart.")
    if out:
        count = _write(out, content, found)
        show(f"\nWritten to {printable(str(out))}: stats.html, stats.json and {count} figures.")
    elif any(cut):
        show("\nAll rows, figures and sample radiographs: add --out DIR.")


def _write(out: Path, manifest: Manifest, found: Statistics) -> int:
    from fractura.atomic_write import make_folder, write_whole
    from fractura.datasets.report.charts import draw_figures
    from fractura.datasets.report.contact_sheet import draw_contact_sheet
    from fractura.datasets.report.statistics import stats_page

    def progress(records: Sequence[Record]) -> Iterable[Record]:
        return with_progress(records, len(records), "Sampling")

    make_folder(out)
    sheet = draw_contact_sheet(manifest, progress)
    figures = [*draw_figures(found), *([sheet] if sheet else [])]
    for figure in figures:
        write_whole(out / f"{figure.name}.png", figure.png())
    write_whole(out / "stats.json", json.dumps(found.as_dict(), indent=1).encode())
    write_whole(out / "stats.html", stats_page(found, figures).encode())
    return len(figures)


def _show_table(table: Table) -> bool:
    """Print a table; whether rows were left out."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    from fractura.datasets.report.table import shown

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, column in enumerate(table.columns):
        right = table.is_numeric(index)
        grid.add_column(
            Text(printable(column)), justify="right" if right else "left", no_wrap=right
        )
    rest = len(table.rows) - ROWS_SHOWN
    for row in table.rows[:ROWS_SHOWN]:
        grid.add_row(*(Text(printable(shown(value))) for value in row))
    if table.sums and rest <= 0:
        grid.add_row(*(Text(shown(value)) for value in table.sums))
    show(f"\n{printable(table.title)}", "cyan")
    width = None if sys.stdout.isatty() else 10_000
    plain = bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()
    Console(width=width, no_color=plain, highlight=False).print(grid)
    if rest > 0:
        show(f"… {rest:,} more rows")
    return rest > 0
