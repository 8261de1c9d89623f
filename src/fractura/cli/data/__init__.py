"""``fractura data``: assemble, check and prepare data sets. One module a command."""

from __future__ import annotations

from collections.abc import Callable

import typer

from fractura.cli.data import (
    audit,
    balance,
    build,
    convert,
    deidentify,
    label,
    leave_out,
    prepare,
    sources,
    split,
    stats,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
COMMANDS: dict[str, Callable[..., None]] = {
    "sources": sources.sources,
    "build": build.build,
    "audit": audit.audit,
    "split": split.split,
    "label": label.label,
    "leave-out": leave_out.leave_out,
    "balance": balance.balance,
    "convert": convert.convert,
    "prepare": prepare.prepare,
    "deidentify": deidentify.deidentify,
    "stats": stats.stats,
}

for name, command in COMMANDS.items():
    app.command(name)(command)


@app.callback()
def data() -> None:
    """Assemble, check and prepare data sets of radiographs.

    \b
    fractura data sources                            data sets that can be read
    fractura data build mura MURA-v1.1/ --out m.csv  read one into a manifest
    """
