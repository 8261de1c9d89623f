"""``fractura data label``: add what a table says to a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fractura.cli.data.requests import check_out
from fractura.cli.terminal import show
from fractura.text import printable


def label(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="A manifest.")],
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="CSV with a column id and some of regions, growth_plates (open, closed) and "
            "split (train, valid, test, dropped).",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", dir_okay=False, help="The new manifest, .parquet or .csv."),
    ],
) -> None:
    """Add regions, growth plates or a split from a table to the records that it names.

    \b
    fractura data label m.parquet recipes/fracatlas.labels.csv --out l.parquet
    """
    from fractura.datasets.label import add_labels
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.storage import read_manifest, write_manifest

    check_out(out)
    read = read_manifest(manifest)
    labelled = add_labels(read.records, table)
    write_manifest(out, Manifest(labelled.records, read.intakes))
    show(f"{labelled.changed:,} of {len(labelled.records):,} records are named in the table.")
    if labelled.unknown:
        show(
            f"{len(labelled.unknown):,} lines name records that the manifest lacks (the first is "
            f"{printable(labelled.unknown[0])})."
        )
    show(f"Written to {printable(str(out))}.")
