"""Progress on stderr, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")

Progress = Callable[[Iterable[Any], int | None, str], Iterable[Any]]
"""Hands items on, showing how many of a total (``None`` if not known) passed, under a name."""


def with_progress(
    items: Iterable[Item], total: int | None, name: str
) -> Generator[Item, None, None]:
    """Hand the items on, with a bar on stderr if that is a terminal and there are several.

    A total of ``None`` is not known beforehand.
    """
    if (total is not None and total < 2) or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Lines printed meanwhile go above the bar where they share the terminal with it.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=console, transient=True, redirect_stdout=shared) as bar:
        yield from bar.track(items, total)
