"""``fractura report``: a scorecard as a page, a model card and checklists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import FracturaError, WrongUsageError
from fractura.text import printable


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR_OR_SCORECARD",
            help="What fractura evaluate or fractura train wrote, or its scorecard.json alone.",
        ),
    ],
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The split to show, if the scorecard has several."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Write here instead of beside the scorecard."
        ),
    ] = None,
) -> None:
    """Turn a scorecard into a page, a model card and filled checklists.

    Writes report.html (one file that fetches nothing), model-card.md, claim-2024.md and
    stard-ai.md. What only people know is marked as to be filled by the authors.

    \b
    fractura report results/
    fractura report runs/resnet18 --split test --out report/

    Exit status: 0 all is well, 1 a file cannot be written, 2 the scorecard cannot be read.
    """
    from fractura.evaluation.report.page import write_report
    from fractura.evaluation.scorecard_file import SCORECARD, read_scorecard

    try:
        scorecard = read_scorecard(source)
    except FracturaError as error:
        raise WrongUsageError(str(error)) from error
    there = list(scorecard.splits)
    if split is None and len(there) != 1:
        names = ", ".join(there) or "none"
        raise WrongUsageError(f"{source} has the splits {names}; choose one with --split NAME")
    chosen = there[0] if split is None else split
    if chosen not in there:
        names = ", ".join(there) or "none"
        raise WrongUsageError(f"{source} has no split {chosen}; it has: {names}")
    folder = source if source.is_dir() else source.parent
    own = source.is_dir() or source.name == SCORECARD
    files = write_report(scorecard, chosen, out or folder, folder if own else None)
    names = ", ".join(file.name for file in files)
    show(f"Written to {printable(str(out or folder))}: {names}.")
