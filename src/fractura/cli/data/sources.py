"""``fractura data sources``: which data sets can be read, and where to get them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import show

if TYPE_CHECKING:
    from fractura.datasets.sources.source import Source


def sources(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Say everything about this one.")
    ] = None,
) -> None:
    """Say which data sets can be read, what each needs, and where to get it.

    \b
    fractura data sources
    fractura data sources fracatlas
    """
    from fractura.cli.data.requests import find_source
    from fractura.datasets.sources import SOURCES

    if name is not None:
        _show_facts(find_source(name))
        return
    width = max(map(len, SOURCES))
    published = [source for source in SOURCES.values() if source.address]
    general = [source for source in SOURCES.values() if not source.address]
    for title, group in (("Published data sets", published), ("General layouts", general)):
        show(title)
        for source in group:
            show(f"  {source.name:<{width}}  {source.title}")
        show("")
    show("Where to get one, and what its folder must hold: fractura data sources NAME")


def _show_facts(source: Source) -> None:
    show(source.name)
    facts = {
        "what": source.title,
        "address": source.address,
        "licence": source.licence or "yours to know: --licence",
        "size": source.size,
        "needs": source.layout,
        "read it": f"fractura data build {source.name} DIR --out m.parquet",
    }
    for label, value in facts.items():
        if value:
            show(f"  {label:<9} {value}")
