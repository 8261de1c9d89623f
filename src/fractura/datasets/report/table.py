"""Tables, for a terminal and for a page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = str | int | float | bool | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values under a title; the first column names the row. ``sums`` is a last row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sums: Row = ()

    def is_numeric(self, column: int) -> bool:
        """Whether a column holds numbers alone, to be set flush right."""
        values = [row[column] for row in self.rows if row[column] is not None]
        return bool(values) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in values
        )


def shown(value: Value) -> str:
    """A value for a person: 12,345, 0.4127, yes, –."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 and math.isfinite(value) else f"{value:.4g}"
    return value


def tables_of(figures: Mapping[str, Any]) -> list[Table]:
    """Any JSON-ready numbers as tables.

    Single values come together in one table. A list of objects gives a table with a column for
    each of their keys, an object of objects one with a row for each of its keys, and any other
    object one of two columns.
    """
    single = {key: value for key, value in figures.items() if not _is_table(value)}
    tables = [_pairs("Figures", single)] if single else []
    return tables + [
        _table(_title(key), value) for key, value in figures.items() if _is_table(value)
    ]


def cross_table(
    title: str, first: str, table: Mapping[str, Mapping[str, int]], columns: Iterable[str]
) -> Table:
    """Counts in rows and columns, zeros filled in, with sums at the right and at the bottom."""
    columns = tuple(columns)
    counts = {name: [row.get(column, 0) for column in columns] for name, row in table.items()}
    rows: tuple[Row, ...] = tuple((name, *row, sum(row)) for name, row in counts.items())
    sums = [sum(column) for column in zip(*counts.values(), strict=True)]
    bottom = ("all", *sums, sum(sums)) if len(rows) > 1 else ()
    return Table(title, (first, *columns, "all"), rows, bottom)


def text_of(value: Any) -> str:
    """Any JSON-ready value in one line."""
    return shown(_cell(value))


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return _is_list(value) and any(isinstance(item, Mapping) or _is_list(item) for item in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _table(title: str, value: Any) -> Table:
    if isinstance(value, Mapping):
        if all(isinstance(item, Mapping) for item in value.values()):
            return _objects(title, [{"": key, **item} for key, item in value.items()])
        return _pairs(title, value)
    if all(isinstance(item, Mapping) for item in value):
        return _objects(title, value)
    rows = [tuple(map(_cell, item)) if _is_list(item) else (_cell(item),) for item in value]
    width = max(map(len, rows))
    padded = tuple((*row, *[None] * (width - len(row))) for row in rows)
    return Table(title, tuple(str(number) for number in range(1, width + 1)), padded)


def _objects(title: str, objects: Sequence[Mapping[str, Any]]) -> Table:
    keys = list(dict.fromkeys(key for item in objects for key in item))
    rows = tuple(tuple(_cell(item.get(key)) for key in keys) for item in objects)
    return Table(title, tuple(map(_words, keys)), rows)


def _pairs(title: str, pairs: Mapping[str, Any]) -> Table:
    rows = tuple((_words(key), _cell(value)) for key, value in pairs.items())
    return Table(title, ("", "value"), rows)


def _cell(value: Any) -> Value:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping | Sequence) and not value:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(key)}: {text_of(item)}" for key, item in value.items())
    return ", ".join(map(text_of, value)) if _is_list(value) else str(value)


def _words(key: Any) -> str:
    return str(key).replace("_", " ")


def _title(key: Any) -> str:
    words = _words(key)
    return words[:1].upper() + words[1:]
