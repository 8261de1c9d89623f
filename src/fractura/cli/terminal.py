"""What appears on a terminal: progress on stderr, a table on stdout that grows line by line."""

from __future__ import annotations

import os
from typing import TypeVar

import typer

from fractura.findings import Failure, Reading
from fractura.text import printable

Item = TypeVar("Item")

NOTICE = "For research and education; not a certified medical device."

_COLOURS = {
    "fracture": "red",
    "uncertain": "yellow",
    "no fracture": "cyan",
    "not evaluated": "blue",
    "failed": "magenta",
}
_ROW = "{:<13}  {:>11}  {:<12}  {:<14}  {}"


def show(text: str, colour: str | None = None) -> None:
    """Print one line on stdout, coloured if that is a terminal and ``NO_COLOR`` is not set."""
    styled = typer.style(text, fg=colour) if colour else text
    typer.echo(styled, color=False if os.environ.get("NO_COLOR") else None)


def show_head() -> None:
    """Print the head of the table of readings."""
    show(_ROW.format("DECISION", "PROBABILITY", "FINDINGS", "REGION", "FILE"))


def show_outcome(outcome: Reading | Failure) -> None:
    """Print a row of the table of readings, and its warnings below it."""
    if isinstance(outcome, Failure):
        show(_ROW.format("failed", "", "", "", printable(outcome.message)), _COLOURS["failed"])
        return
    findings = outcome.findings
    nothing = "" if outcome.decision == "not evaluated" else "none"
    region = f"{outcome.region} {outcome.region_probability:.2f}" if outcome.region else ""
    row = _ROW.format(
        outcome.decision,
        f"{outcome.probability:.2f}",
        f"{len(findings)}, best {findings[0].score:.2f}" if findings else nothing,
        region,
        printable(outcome.path or ""),
    )
    show(row, _COLOURS[outcome.decision])
    if outcome.decision == "not evaluated" and outcome.reason is not None:
        show(_ROW.format("", "", "", "", f"not evaluated: {printable(outcome.reason.sentence)}"))
    for warning in outcome.warnings:
        show(_ROW.format("", "", "", "", f"warning: {printable(warning)}"))


def show_boxes(reading: Reading) -> None:
    """Print where the findings are, in pixels of the image."""
    for finding in reading.findings:
        box = finding.box
        show(
            f"  {finding.label} {finding.score:.2f}: x {box.x_min:.0f} to {box.x_max:.0f}, "
            f"y {box.y_min:.0f} to {box.y_max:.0f}"
        )
