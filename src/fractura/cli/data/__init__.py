"""``fractura data``: assemble, check and prepare data sets. One module a command."""

from __future__ import annotations

import typer

from fractura.cli.data import (
    audit,
    balance,
    build,
    convert,
    deidentify,
    prepare,
    sources,
    split,
    stats,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
for _module in (sources, build, audit, split, balance, convert, prepare, deidentify, stats):
    app.command()(getattr(_module, _module.__name__.rpartition(".")[2]))


@app.callback()
def data() -> None:
    """Assemble, check and prepare data sets of radiographs.

    \b
    fractura data sources                            data sets that can be read
    fractura data build mura MURA-v1.1/ --out m.csv  read one into a manifest
    """
