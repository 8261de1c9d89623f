"""Read the tables that data sets come with, as the programs of this world write them."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fractura.datasets.record import Dropped
from fractura.datasets.sources.source import SourceError
from fractura.spreadsheet import unprotected

SEPARATORS = ",;\t|"
BAD_CELLS = "lines with another number of cells than the head"
BAD_QUOTES = "lines with quotation marks that do not match"


def read_table(
    path: Path, required: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]] | Dropped]:
    """The rows of a CSV file (RFC 4180) by the names in its head, blanks around both stripped.

    The separator (comma, semicolon, tab or bar) is the one that divides the head into most cells.
    The text is UTF-8 or, with its byte-order mark, UTF-16; where it is not, it is taken for
    Windows-1252, as spreadsheets in western Europe write it. Lines end in any way. Empty rows are
    passed over, and so are empty cells beyond the last name in the head. An apostrophe that keeps
    a cell from being a formula (:mod:`fractura.spreadsheet`) is no part of it.

    Args:
        path: the file; it is read as a whole.
        required: columns without which it is of no use.

    Yields:
        The number of the line where a row begins, counted from 1, and its cells; or a
        :class:`Dropped` with that line where the cells do not fit the head. The rows after it
        still come.

    Raises:
        SourceError: the file is missing or empty, or a required column is missing or there twice.
    """
    lines = list(io.StringIO(_text(path), newline=""))
    csv.field_size_limit(1 << 30)
    separator, head, first = _head(path, lines)
    check_head(path, head, required)
    for number, cells in _rows(lines, first, separator):
        where = f"{path}, line {number}"
        if cells is None:
            yield Dropped(where, BAD_QUOTES)
        elif not any(cells):
            continue
        elif len(cells) < len(head) or any(cells[len(head) :]):
            yield Dropped(where, BAD_CELLS)
        else:
            yield number, dict(zip(head, map(unprotected, cells), strict=False))


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: the table cannot be read ({error.strerror})") from error
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _head(path: Path, lines: list[str]) -> tuple[str, list[str], int]:
    """The separator, the names of the columns, and the index of the first line after them."""
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise SourceError(f"{path}: the table is empty; its first line must name the columns")
    heads = []
    for separator in SEPARATORS:
        reader = csv.reader(lines[first:], delimiter=separator, skipinitialspace=True)
        heads.append((separator, [cell.strip() for cell in next(reader)], first + reader.line_num))
    separator, head, after = max(heads, key=lambda found: len(found[1]))
    while head and not head[-1]:
        head.pop()
    return separator, head, after


def contradicted(
    rows: Iterable[tuple[int, dict[str, str]] | Dropped], name: str, value: str
) -> set[str]:
    """The names whose rows, of :func:`read_table`, have different values."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if not isinstance(row, Dropped):
            found[row[1][name]].add(row[1][value])
    return {one for one, values in found.items() if len(values) > 1}


def check_head(path: Path, head: Sequence[str], required: Sequence[str]) -> None:
    """See that columns are there, once.

    Raises:
        SourceError: names the table, the column, and those there are.
    """
    for name in required:
        if name not in head:
            close = difflib.get_close_matches(name, head, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            there = ", ".join(repr(column) for column in head if column)
            raise SourceError(f"{path}: the column {name!r} is missing; it has {there}{hint}")
        if head.count(name) > 1:
            raise SourceError(f"{path}: two columns are called {name!r}; rename one of them")


def _rows(lines: list[str], start: int, separator: str) -> Iterator[tuple[int, list[str] | None]]:
    """Line numbers and cells; ``None`` for a line after whose quotation mark none closes."""
    while start < len(lines):
        ahead = map(lines.__getitem__, range(start, len(lines)))
        reader = csv.reader(ahead, delimiter=separator, skipinitialspace=True, strict=True)
        done = 0
        try:
            for row in reader:
                yield start + done + 1, [cell.strip() for cell in row]
                done = reader.line_num
            return
        except csv.Error:
            start += done + 1
            yield start, None
