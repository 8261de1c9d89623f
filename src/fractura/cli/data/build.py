"""``fractura data build``: data sets into one manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.data.requests import check_out, find_requests
from fractura.cli.terminal import show
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.manifest import Manifest


def build(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE DIR",
            help="Kind of data set (see: fractura data sources) and its folder; several pairs "
            "make one manifest.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", dir_okay=False, help="The manifest: .parquet or .csv."),
    ],
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="NAME", help="Call the data set so; prefixes its records' ids."
        ),
    ] = None,
    licences: Annotated[
        list[str] | None,
        typer.Option("--licence", metavar="TEXT", help="Licence of the images, where you know it."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN,…", help="What your table calls the fields of the manifest."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=LABEL,…", help="What your folders, classes or values mean."),
    ] = None,
) -> None:
    """Read data sets into one manifest: what each file is, and what its source says of it.

    Options stand once for all sources, or once for each in their order. A build that was stopped
    goes on where it was when you repeat the command.

    \b
    fractura data build fracatlas FracAtlas/ --out m.parquet
    fractura data build mura MURA-v1.1/ rsna RSNA/ --out both.parquet
    fractura data build table ward3/ --out w.csv --columns path=file,label=finding
    fractura data build class-folders ward5/ --out w.csv --labels broken=fracture

    Exit status: 0 all is well, 1 some files that a source lists cannot be used, 2 wrong usage.
    """
    from fractura.datasets.build import build, dropped_path, unusable

    check_out(out)
    requests = find_requests(arguments, names or [], licences or [], columns or [], labels or [])
    manifest = build(requests, out, progress=with_progress)
    for intake in manifest.intakes:
        show(printable(intake.sentence()))
        for remark in intake.remarks:
            show(f"  {printable(remark)}")
    _show_totals(manifest)
    show(f"Written to {printable(str(out))}, content hash {manifest.content_hash}.")
    if dropped_path(out).exists():
        show(f"What was dropped, and why: {printable(str(dropped_path(out)))}.")
    if any(map(unusable, manifest.intakes)):
        raise typer.Exit(1)


def _show_totals(manifest: Manifest) -> None:
    counts = Counter(record.label for record in manifest.records)
    parts = ", ".join(f"{count:,} {label}" for label, count in counts.most_common())
    count = len(manifest.records)
    show(f"{count:,} radiograph{'s' * (count > 1)}: {parts}.")
    if counts["abnormal"]:
        show(
            f"{counts['abnormal']:,} radiographs are labelled abnormal, which is not fracture: "
            "they may show arthrosis, metal or anything else, and no fracture at all.",
            "yellow",
        )
