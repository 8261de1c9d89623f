"""A table with a line an image, or a line a box, whose columns a person maps to our fields."""

from __future__ import annotations

import difflib
import math
import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractura.datasets.record import FRACTURE, Annotation, Dropped, Label, Record
from fractura.datasets.sources import words
from fractura.datasets.sources.classes import strongest
from fractura.datasets.sources.marks import MarkError, check_pixels, to_upright
from fractura.datasets.sources.source import Options, Source, SourceError
from fractura.datasets.sources.tables import check_head, read_table
from fractura.datasets.storage import arrow
from fractura.findings import Box

BOX = ("x_min", "y_min", "x_max", "y_max")
_LISTS = ("regions", "views", "fracture_types", "ao")
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("patient", "study", "modality", "group", "licence"), str),
    "laterality": words.find_side,
    "sex": words.find_sex,
    "age": words.find_age,
    **dict.fromkeys(("hardware", "cast", "follow_up"), words.find_answer),
    "official_split": words.find_split,
    "order": lambda word: int(word) if word.isdecimal() else None,
}
_ALIASES: Mapping[str, Collection[str]] = {
    "official_split": ("split", "set"),
    "licence": ("license",),
    "path": ("filename", "file", "image", "imagepath", "filepath", "imagename"),
    "label": ("class", "classname"),
    "x_min": ("x1", "left"),
    "y_min": ("y1", "top"),
    "x_max": ("x2", "right"),
    "y_max": ("y2", "bottom"),
}
"""Usual names of columns beside our own, squeezed; a column of our own name goes first."""
FIELDS = ("path", "label", "id", *_PARSERS, *_LISTS, *BOX)
"""What a column can be mapped to."""


@dataclass
class _Image:
    """What the lines that were read so far say of one image; ``whole``: one has no box.

    ``doubt``: its lines have different labels.
    """

    id: str
    path: Path
    values: Mapping[str, str]
    labels: list[str]
    marks: list[tuple[str, Box]]
    whole: bool
    notes: list[str]
    extra: dict[str, list[str]]
    doubt: bool = False


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record an image that a CSV or Parquet table lists.

    A column is mapped to a field by ``options.columns``, or by having its name. Paths are relative
    to the table's folder. Lists are parted by semicolons, commas or bars. Where ``x_min``,
    ``y_min``, ``x_max`` and ``y_max`` (pixels) are mapped, the lines of one image become its
    annotations, and its label is the strongest of theirs; without a box, its lines must agree,
    else the image is ``unknown``. Columns that are mapped to nothing go to
    ``extra``. A cell that is not understood is noted.

    Args:
        root: the table, or a folder that holds one table.
        options: name, licence, columns and the meaning of the label column's values.

    Raises:
        SourceError: there is no table or several, a column is missing or mapped to an unknown
            field, or a value of the label column must be explained with ``--labels``.
    """
    table = _find_table(root)
    rows = list(_read_rows(table, options.columns))
    columns = _map_columns(table, rows, options.columns)
    meanings = _meanings(table, rows, columns, options)
    images: dict[Path, _Image] = {}
    ids: set[str] = set()
    lost = []
    for row in rows:
        if isinstance(row, Dropped):
            lost.append(row)
            continue
        where, cells = row
        image = _read_image(where, cells, columns, table.parent, options)
        if isinstance(image, Dropped):
            lost.append(image)
            continue
        earlier = images.get(image.path)
        if earlier is not None:
            reason = _merge(earlier, image, meanings)
            lost += [Dropped(where, reason)] if reason else []
        elif image.id in ids:
            lost.append(Dropped(where, "lines with an id that an earlier line has"))
        else:
            images[image.path] = image
            ids.add(image.id)
    for image in images.values():
        yield _record(image, meanings, boxes="x_min" in columns, options=options)
    yield from lost


def _find_table(root: Path) -> Path:
    if root.is_file():
        return root
    if not root.is_dir():
        raise SourceError(f"{root}: there is no such table or folder")
    suffixes = (".csv", ".tsv", ".parquet")
    tables = sorted(path for path in root.iterdir() if path.suffix.lower() in suffixes)
    if len(tables) != 1:
        names = ", ".join(path.name for path in tables) or "none"
        raise SourceError(f"{root}: a folder must hold one table, give the table ({names})")
    return tables[0]


Row = tuple[str, dict[str, str]]


def _read_rows(table: Path, columns: Mapping[str, str]) -> Iterator[Row | Dropped]:
    required = [columns[name] for name in columns if name in FIELDS]
    if table.suffix.lower() != ".parquet":
        for row in read_table(table, required):
            yield row if isinstance(row, Dropped) else (f"{table}, line {row[0]}", row[1])
        return
    pyarrow, parquet = arrow()
    try:
        content = parquet.read_table(table)
    except (pyarrow.ArrowException, OSError) as error:
        raise SourceError(f"{table}: this is not a Parquet file that can be read") from error
    check_head(table, content.column_names, required)
    for number, cells in enumerate(content.to_pylist(), 1):
        yield f"{table}, row {number}", {name: _text(cell) for name, cell in cells.items()}


def _text(cell: Any) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, list):
        return ";".join(map(_text, cell))
    if isinstance(cell, bytes | dict):
        return ""
    return str(cell).strip()


def _map_columns(
    table: Path, rows: Sequence[Row | Dropped], mapped: Mapping[str, str]
) -> dict[str, str]:
    """The column of each field that has one."""
    for name in mapped:
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise SourceError(
                f"--columns: there is no field {name!r}{hint}; fields are {', '.join(FIELDS)}"
            )
    head = next((list(row[1]) for row in rows if not isinstance(row, Dropped)), None)
    if head is None:
        raise SourceError(f"{table}: the table has no line that can be read below its head")
    taken = set(mapped.values())
    columns = {}
    for name in FIELDS:
        for word in (words.squeeze(name), *_ALIASES.get(name, ())):
            found = [c for c in head if c not in taken and words.squeeze(c) == word]
            if found:
                columns[name] = found[0]
                break
    columns.update(mapped)
    for name in ("path", "label"):
        if name not in columns:
            there = ", ".join(repr(column) for column in head if column)
            raise SourceError(
                f"{table}: no column is called {name!r}; say which one it is, for example "
                f"--columns {name}={head[0]}; there are {there}"
            )
    boxes = [name for name in BOX if name in columns]
    if 0 < len(boxes) < len(BOX):
        raise SourceError(
            f"{table}: a box needs columns for {', '.join(BOX)}; only {', '.join(boxes)} have one"
        )
    return columns


def _meanings(
    table: Path, rows: Sequence[Row | Dropped], columns: Mapping[str, str], options: Options
) -> dict[str, Label]:
    """Our label for each value of the label column; an empty cell is ``unknown``."""
    column = columns["label"]
    values = {row[1][column] for row in rows if not isinstance(row, Dropped)}
    found = {value: words.find_value(column, value, options.labels) for value in values - {""}}
    unknown = [value for value, label in found.items() if label is None]
    if unknown:
        raise words.unknown_words(f"{table}: these values of the column {column!r}", unknown)
    return {"": "unknown", **{value: label for value, label in found.items() if label}}


def _read_image(
    where: str, cells: Mapping[str, str], columns: Mapping[str, str], home: Path, options: Options
) -> _Image | Dropped:
    """What one line says."""
    values = {name: cells[column] for name, column in columns.items() if cells[column]}
    written = values.pop("path", "").replace("\\", "/")
    if not written:
        return Dropped(where, "lines without an image")
    path = Path(posixpath.normpath(home / written))
    try:
        is_there = path.is_file()
    except OSError:
        is_there = False
    if not is_there:
        return Dropped(f"{where}: {written}", "listed images that are missing")
    corners = [values.pop(name, "") for name in BOX]
    name = values.pop("id", posixpath.normpath(written).lstrip("/"))
    label = values.pop("label", "")
    box, notes = _box(corners), []
    if any(corners) and box is None:
        notes.append(f"{where}: the box {', '.join(corners)} is not understood and left out")
    if box is not None:
        try:
            check_pixels(box)
            stated = (_side(cells, "width"), _side(cells, "height"))
            (box,) = to_upright([box], path, stated)
        except MarkError as error:
            notes.append(f"{where}: the box {', '.join(corners)} is left out: {error}")
            box = None
    for field, parse in _PARSERS.items():
        if field in values and parse(values[field]) is None:
            notes.append(f"{where}: {columns[field]} is {values.pop(field)!r}, which is not known")
    used = set(columns.values())
    extra = {key: [cell] for key, cell in cells.items() if key and cell and key not in used}
    marks = [] if box is None else [(label, box)]
    whole = not any(corners)
    return _Image(f"{options.name}/{name}", path, values, [label], marks, whole, notes, extra)


def _side(cells: Mapping[str, str], name: str) -> int | None:
    text = next((cell for column, cell in cells.items() if words.squeeze(column) == name), "")
    return int(float(text)) if re.fullmatch(r"\d+(\.0*)?", text) else None


def _box(corners: Sequence[str]) -> Box | None:
    try:
        box = Box(*map(float, corners))
    except ValueError:
        return None
    is_right = box.finite and box.width >= 0 and box.height >= 0
    return box if is_right else None


def _merge(earlier: _Image, later: _Image, meanings: Mapping[str, Label]) -> str | None:
    """Add what another line of the same image says, or the reason why that cannot be."""
    differ = strongest(meanings[word] for word in earlier.labels) != meanings[later.labels[0]]
    if later.id != earlier.id or later.values != earlier.values:
        earlier.doubt |= differ
        return "lines that contradict an earlier line of the same image"
    if earlier.whole or later.whole:
        if differ:
            earlier.doubt = True
            return "lines that contradict an earlier line of the same image"
        if later.whole:
            return "lines that repeat an earlier line"
    earlier.labels += later.labels
    earlier.marks += later.marks
    earlier.notes += later.notes
    for key, cells in later.extra.items():
        there = earlier.extra.setdefault(key, [])
        there += [cell for cell in cells if cell not in there]
    return None


def _record(
    image: _Image, meanings: Mapping[str, Label], *, boxes: bool, options: Options
) -> Record:
    label = strongest(meanings[word] for word in image.labels)
    if image.doubt:
        label, image.labels, image.marks = "unknown", [], []
        image.notes.append("the table's lines of this image contradict each other")
    fields: dict[str, Any] = {
        name: _PARSERS[name](cell) for name, cell in image.values.items() if name in _PARSERS
    }
    for name in _LISTS:
        parts = [part.strip() for part in re.split("[;,|]", image.values.get(name, ""))]
        fields[name] = tuple(part for part in parts if part)
    fields["regions"] = tuple(map(words.tidy, fields["regions"]))
    fields["views"] = tuple(map(words.find_view, fields["views"]))
    fields.setdefault("licence", options.licence)
    kinds = {
        word: words.fracture_type(word) for word in image.labels if meanings[word] == "fracture"
    }
    fields["fracture_types"] = tuple(
        dict.fromkeys((*fields["fracture_types"], *filter(None, kinds.values())))
    )
    marks = [
        Annotation(FRACTURE if word in kinds else word or "unknown", box, (), kinds.get(word))
        for word, box in image.marks
    ]
    return Record(
        id=image.id,
        path=image.path,
        source=options.name,
        label=label,
        annotations=tuple(marks) if boxes else None,
        notes=tuple(image.notes),
        extra={key: "; ".join(cells) for key, cells in image.extra.items()},
        **fields,
    )


SOURCE = Source(
    name="table",
    title="A CSV or Parquet table with a line an image or a box",
    address="",
    licence=None,
    size="",
    layout="a table whose columns are named for our fields, or mapped with --columns",
    read=read,
)
