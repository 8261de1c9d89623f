"""Tables of values (CSV, RFC 4180) that a spreadsheet shows and does not compute."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any, TextIO

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001


def write_rows(file: TextIO, rows: Iterable[Iterable[Any]], *, ending: str = "\n") -> None:
    """Write lines of cells, each :func:`protected`; ``None`` is an empty cell.

    Args:
        file: opened with ``newline=""``.
        rows: of texts and numbers.
        ending: of each line.
    """
    writer = csv.writer(file, lineterminator=ending)
    writer.writerows(map(protected, row) for row in rows)


def protected(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: ``=1+1`` becomes ``'=1+1``.

    A text that begins like a formula and is no number gets an apostrophe in front (OWASP, *CSV
    Injection*). So does one that has apostrophes before such a beginning, which lets
    :func:`unprotected` give back exactly what was there.
    """
    if not isinstance(cell, str) or not _FORMULA.match(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def unprotected(cell: str) -> str:
    """What :func:`protected` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
