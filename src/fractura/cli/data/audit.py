"""``fractura data audit``: find leaks and faults before they lie."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import FracturaError, WrongUsageError
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.audit.result import Audit, Check

_COLOURS = {"LEAK": "red", "ERROR": "magenta", "look": "yellow", "note": "cyan", "ok": "green"}


def audit(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="What to audit.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write audit.html, audit.json, problems.csv, pairs.csv and groups.csv here. "
            "What an audit that was stopped had decoded is not decoded again.",
        ),
    ],
) -> None:
    """Look for leaks between splits, wrong labels, broken files and shortcuts.

    Every image is decoded once. Copies are found however they were changed: turned, mirrored,
    cropped, inverted, brightened or compressed, and each pair is verified by its pixels.

    \b
    fractura data audit m.parquet --out audit/
    fractura data split m.parquet --out s.parquet --groups audit/groups.csv

    Exit status: 0 the split does not leak (or there is none), 1 it leaks, 2 there is no audit
    (wrong usage, no manifest, a full disk).
    """
    from fractura.datasets.audit import run
    from fractura.datasets.storage import read_manifest

    try:
        result = run.audit(read_manifest(manifest), manifest, out, with_progress)
    except FracturaError as error:
        raise WrongUsageError(str(error)) from error
    for check in result.checks:
        _show_check(check)
    _show_end(result, out)
    if result.leaks:
        raise typer.Exit(1)


def _show_check(check: Check) -> None:
    kinds = {problem.severity for problem in check.problems}
    ranks = (("leak", "LEAK"), ("error", "ERROR"), ("warning", "look"), ("note", "note"))
    word = next((word for kind, word in ranks if kind in kinds), "ok")
    show(f"{word:<5}  {printable(check.title)}: {printable(check.summary)}.", _COLOURS[word])


def _show_end(result: Audit, out: Path) -> None:
    total = sum(result.seconds.values())
    show(f"\n{result.records:,} records in {total:,.0f} seconds.")
    if result.leaks:
        count = f"{result.leaks:,} {'leak' if result.leaks == 1 else 'leaks'}"
        show(f"The split leaks ({count}): scores measured on it are not to be trusted.", "red")
    joined = len(set(result.groups.values()))
    show(f"{len(result.groups):,} records belong to {joined:,} groups that must stay together:")
    names = (quote(printable(name)) for name in (result.manifest, str(out / "groups.csv")))
    show("  fractura data split {} --out s.parquet --groups {}".format(*names))
    show(f"Report with pictures: {printable(str(out / 'audit.html'))}")
