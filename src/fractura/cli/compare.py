"""``fractura compare``: runs side by side."""

from __future__ import annotations

import os
import sys
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import FracturaError, WrongUsageError
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.evaluation.compare.columns import Comparison, ComparisonCell


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, or their scorecards.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write comparison.html, comparison.csv and comparison.md here.",
        ),
    ] = Path("comparison"),
    split: Annotated[
        str, typer.Option(metavar="NAME", help="The split whose figures are compared.")
    ] = "valid",
) -> None:
    """Compare runs of one task on the same cases: figures with intervals, size, speed, time.

    The best comes first. Where predictions.csv lies beside the scorecards, paired tests say
    whether the others differ from it by more than chance.

    \b
    fractura compare runs/*
    fractura compare runs/resnet18 runs/vgg16 --split test --out comparison/

    Exit status: 0 all is well, 1 a file cannot be written, 2 the runs cannot be read or compared.
    """
    from fractura.evaluation.compare.gather import gather
    from fractura.evaluation.compare.write import write_comparison
    from fractura.evaluation.scorecard_file import SCORECARD

    finished = [run for run in runs if run.is_file() or (run / SCORECARD).is_file()]
    for run in runs:
        if run not in finished:
            typer.echo(f"{printable(str(run))} has no {SCORECARD} and is left out", err=True)
    if not finished:
        raise WrongUsageError("there is nothing to compare; give runs that have come to their end")
    try:
        found = gather(finished, split)
    except FracturaError as error:
        raise WrongUsageError(str(error)) from error
    table = write_comparison(found, split, out)
    _show(table)
    show(f"\nWritten to {printable(str(out))}: comparison.html, comparison.csv and comparison.md.")


def _show(table: Comparison) -> None:
    """Print the table; a terminal gets the columns that fit, the intervals of the first figure."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    terminal = sys.stdout.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or not terminal
    console = Console(width=None if terminal else 10_000, no_color=plain, highlight=False)
    rows = [*table.rows, *([table.baseline] if table.baseline else [])]
    main = table.numeric.index(True)

    def text(cell: ComparisonCell, index: int) -> Text:
        found = Text(printable(cell.text), style="bold" if cell.best else "")
        if cell.interval and (index == main or not terminal):
            found.append(f" ({cell.interval})", style="not bold")
        return found

    columns = [
        [Text(title), *(text(row[index], index) for row in rows)]
        for index, title in enumerate(table.columns)
    ]
    widths = accumulate(max(cell.cell_len for cell in column) + 3 for column in columns)
    fitting = max(1, sum(width - 3 <= console.width for width in widths))
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for (title, *_), numeric in zip(columns[:fitting], table.numeric, strict=False):
        grid.add_column(title, justify="right" if numeric else "left", overflow="fold")
    for row in list(zip(*columns[:fitting], strict=True))[1:]:
        grid.add_row(*row)
    console.print(grid)
    if fitting < len(columns):
        show(f"not shown: {' · '.join(table.columns[fitting:])}")
