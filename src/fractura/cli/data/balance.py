"""``fractura data balance``: make rare kinds of training images weigh as much as common ones."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.data.requests import check_out
from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.balance import Balance


class _How(StrEnum):
    OVERSAMPLE = "oversample"
    WEIGHTS = "weights"


def balance(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="A manifest that has been split.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE", dir_okay=False, help="The balanced manifest, .parquet or .csv."
        ),
    ],
    by: Annotated[
        str, typer.Option(metavar="TRAITS", help="What makes a kind: label, region, source.")
    ] = "label",
    how: Annotated[
        _How,
        typer.Option(help="Show rare kinds more often, or give their images more weight."),
    ] = _How.OVERSAMPLE,
) -> None:
    """Make rare kinds of training images count as much as common ones; no file is copied.

    An epoch of training shows each image as often as its copies say, and multiplies its loss by
    its weight. An image never counts more than ten times as much as one of the most common kind.
    Validation and test stay as they are.

    \b
    fractura data balance s.parquet --out b.parquet
    fractura data balance s.parquet --out b.parquet --by label,region,source
    fractura data balance s.parquet --out b.parquet --how weights
    """
    from fractura.datasets.balance import TRAITS, oversample, weigh
    from fractura.datasets.manifest import Manifest
    from fractura.datasets.storage import read_manifest, write_manifest

    traits = [trait.strip() for trait in by.split(",")]
    if len(set(traits)) < len(traits) or not set(traits) <= set(TRAITS):
        raise WrongUsageError(f"--by {by}: choose from {', '.join(TRAITS)}, with commas between")
    check_out(out)
    read = read_manifest(manifest)
    method = oversample if how is _How.OVERSAMPLE else weigh
    records, cells = method(read.records, traits)
    write_manifest(out, Manifest(records, read.intakes))
    _show_cells(traits, cells)
    show(f"Written to {printable(str(out))}.")


def _show_cells(traits: Sequence[str], cells: Sequence[Balance]) -> None:
    from fractura.datasets.balance import CAP

    names = [" / ".join(map(printable, cell.cell)) for cell in cells]
    head = " / ".join(traits).upper()
    width = max(map(len, (head, *names)))
    show(f"{head:<{width}}  {'IMAGES':>8}  {'BEFORE':>8}  {'AFTER':>8}  {'EACH COUNTS':>11}")
    for name, cell in zip(names, cells, strict=True):
        show(
            f"{name:<{width}}  {cell.records:>8,}  {cell.before:>8.2%}  {cell.after:>8.2%}  "
            f"{cell.factor:>9.2f} ×"
        )
    if any(cell.factor > CAP - 0.5 for cell in cells):
        show(f"No image counts more than {CAP} times as much as one of the most common kind.")
