"""``fractura data leave-out``: keep a whole source for the test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fractura.cli.data.requests import check_out
from fractura.cli.terminal import show
from fractura.text import printable


def leave_out(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="A manifest that has been split.")
    ],
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Name of the source to leave out.")
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", dir_okay=False, help="The new manifest, .parquet or .csv."),
    ],
) -> None:
    """Put every radiograph of one source into the test split, and none of it elsewhere.

    A model that is trained on the rest and evaluated on this split shows how it travels: what it
    does at a hospital that it has never seen. Records of other sources that share a group with it
    are left out.

    \b
    fractura data leave-out s.parquet wrist-multan --out loso.parquet
    fractura train fractura-s-base --manifest loso.parquet --out runs/loso
    fractura evaluate runs/loso loso.parquet --split test --out report/
    """
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.split import leave_source_out
    from fractura.datasets.storage import read_manifest, write_manifest

    check_out(out)
    read = read_manifest(manifest)
    records, torn = leave_source_out(read.records, source)
    write_manifest(out, Manifest(records, read.intakes))
    number = sum(record.split == "test" for record in records)
    show(f"{number:,} radiographs of {printable(source)} are the test split.")
    if torn:
        show(f"{torn:,} of other sources share a group with it and are left out.")
    show(f"Written to {printable(str(out))}.")
