"""Manifests as Parquet and as CSV: the same records, either way, to the bit.

Those that other programs make may also be read from JSON Lines.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fractura.atomic_write import make_folder, whole_file, write_whole
from fractura.datasets.manifest import SCHEMA_VERSION, Intake, Manifest, ManifestError, check_record
from fractura.datasets.record import FIELDS, Annotation, Dropped, Record
from fractura.errors import FracturaError
from fractura.spreadsheet import unprotected, write_rows

METADATA_KEY = b"fractura.manifest"
SIDECAR = "-metadata.json"
"""What follows a CSV file's name in the name of the file that holds its metadata (W3C Tabular
Data Model, 2015, 5.3)."""

_REQUIRED = ("id", "path", "source", "label")
_LISTS = ("regions", "views", "fracture_types", "ao", "notes")
_BOOLEANS = ("hardware", "cast", "follow_up")
_INTEGERS = ("width", "height", "bits", "fold", "order", "copies")
_NUMBERS = ("age", "weight")
_BATCH = 5000
"""Records that are in memory in a second form while a manifest is written or read."""

Row = dict[str, Any]


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``.parquet`` or ``.csv``, whole or not at all; paths relative to the file's folder.

    The folder is made if need be.

    Raises:
        ManifestError: the name ends in neither.
        SaveError: the folder cannot be made, is not writable or full.
    """
    check_target(path)
    metadata = {
        "schema": SCHEMA_VERSION,
        "content_hash": manifest.content_hash,
        "intakes": [asdict(intake) for intake in manifest.intakes],
    }
    make_folder(path.parent)
    folder = path.parent.resolve()
    rows = (_row(record, folder) for record in manifest.records)
    if _is_parquet(path):
        _write_parquet(path, rows, metadata)
    else:
        _write_csv(path, rows)
        write_whole(path.with_name(path.name + SIDECAR), json.dumps(metadata, indent=1).encode())


def read_manifest(path: Path) -> Manifest:
    """Read what :func:`write_manifest` wrote, a CSV that a person edited, or ``.jsonl``.

    A line of JSON is an object with fields of :class:`Record`, paths relative to the file's folder.

    Raises:
        ManifestError: no such file, another schema version, a column or value that the schema
            does not know (with its line in a CSV), or an id that occurs twice.
    """
    if not path.is_file():
        raise ManifestError(f"{path}: there is no such manifest; fractura data build makes one")
    rows, metadata = _reader(path)(path)
    if metadata.get("schema", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise ManifestError(
            f"{path}: the manifest has schema {metadata['schema']}, this version of fractura "
            f"reads {SCHEMA_VERSION}; build it again"
        )
    folder = path.resolve().parent
    records: dict[str, Record] = {}
    for where, row in rows:
        record = _record(row, folder, f"{path}, {where}")
        if record.id in records:
            raise ManifestError(f"{path}, {where}: the id {record.id!r} occurs before")
        records[record.id] = record
    try:
        intakes = tuple(
            Intake(**{**intake, "remarks": tuple(intake.get("remarks", ()))})
            for intake in metadata.get("intakes", ())
        )
    except TypeError as error:
        raise ManifestError(f"{path}: its metadata are damaged; build it again") from error
    return Manifest(tuple(records.values()), intakes)


def check_target(path: Path) -> None:
    """See that a manifest can be written under this name, before any work is done for it.

    Raises:
        ManifestError: the name ends in neither ``.parquet`` nor ``.csv``.
        FracturaError: it ends in ``.parquet`` and pyarrow is not installed.
    """
    if _is_parquet(path):
        arrow()


def _reader(path: Path) -> Callable[[Path], tuple[Iterator[tuple[str, Row]], Mapping[str, Any]]]:
    if path.suffix.lower() == ".jsonl":
        return lambda path: (_json_rows(path), {})
    return _read_parquet if _is_parquet(path) else _read_csv


def _is_parquet(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        raise ManifestError(f"{path}: a manifest's name ends in .parquet or .csv")
    return suffix == ".parquet"


def _row(record: Record, folder: Path) -> Row:
    row, path = record.as_dict(), record.path
    if ".." in path.parts:  # behind a link it leads elsewhere than the text of the path tells
        path = path.parent.resolve() / path.name
    try:
        row["path"] = os.path.relpath(path, folder).replace(os.sep, "/")
    except ValueError:  # another drive of Windows
        row["path"] = path.absolute().as_posix()
    return row


def _record(row: Row, folder: Path, where: str) -> Record:
    missing = [name for name in _REQUIRED if not row.get(name)]
    if missing:
        raise ManifestError(f"{where}: {missing[0]} is missing; every record needs one")
    values = {name: value for name, value in row.items() if value is not None}
    for name in _LISTS:
        if name in values:
            values[name] = tuple(values[name])
    values["path"] = Path(os.path.normpath(folder / values["path"]))
    try:
        if "annotations" in values:
            values["annotations"] = tuple(map(Annotation.from_dict, values["annotations"]))
        values["extra"] = dict(values.get("extra", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{where}: the annotations or extra are not well formed") from error
    record = Record(**values)
    try:
        check_record(record)
    except ManifestError as error:
        raise ManifestError(f"{where}: {error}") from error
    return record


def _check_columns(names: Sequence[str], where: str) -> None:
    missing = [name for name in _REQUIRED if name not in names]
    unknown = [name for name in names if name not in FIELDS]
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if missing:
        raise ManifestError(f"{where}: there is no column {missing[0]!r}; every manifest needs one")
    if unknown:
        raise ManifestError(
            f"{where}: the column {unknown[0]!r} is not in the schema; "
            "fractura data build table reads tables with other columns"
        )
    if twice:
        raise ManifestError(f"{where}: the column {twice[0]!r} stands there twice")


def _schema() -> Any:
    import pyarrow as pa

    outline = pa.list_(pa.list_(pa.float64()))
    mark = pa.struct(
        [
            ("label", pa.string()),
            ("box", pa.list_(pa.float64())),
            ("outlines", pa.list_(outline)),
            ("kind", pa.string()),
        ]
    )
    special = {
        **dict.fromkeys(_LISTS, pa.list_(pa.string())),
        **dict.fromkeys(_BOOLEANS, pa.bool_()),
        **dict.fromkeys(_INTEGERS, pa.int64()),
        **dict.fromkeys(_NUMBERS, pa.float64()),
        "annotations": pa.list_(mark),
        "extra": pa.map_(pa.string(), pa.string()),
    }
    return pa.schema([(name, special.get(name, pa.string())) for name in FIELDS])


def arrow() -> tuple[Any, Any]:
    """``pyarrow`` and ``pyarrow.parquet``, or one sentence on how to get them."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise FracturaError(
            'Parquet needs pyarrow: pip install "fractura[data]", or use a name ending in .csv'
        ) from error
    return pyarrow, pyarrow.parquet


def _write_parquet(path: Path, rows: Iterator[Row], metadata: Mapping[str, Any]) -> None:
    pa, parquet = arrow()
    schema = _schema().with_metadata({METADATA_KEY: json.dumps(metadata).encode()})
    with (
        whole_file(path) as file,
        parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        while batch := list(islice(rows, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _read_parquet(path: Path) -> tuple[Iterator[tuple[str, Row]], Mapping[str, Any]]:
    pa, parquet = arrow()
    try:
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(
            f"{path}: this is not a Parquet file, or only a part of one; build it again"
        ) from error
    content = (table.schema.metadata or {}).get(METADATA_KEY)
    if content is None:
        raise ManifestError(
            f"{path}: this Parquet file is not a manifest of fractura; "
            "fractura data build table reads other tables"
        )
    metadata = _metadata(content, path)
    return _parquet_rows(table, path), metadata


def _parquet_rows(table: Any, path: Path) -> Iterator[tuple[str, Row]]:
    _check_columns(table.schema.names, str(path))
    schema = _schema()
    for column in table.schema:
        if column.type != schema.field(column.name).type:
            raise ManifestError(
                f"{path}: the column {column.name!r} holds {column.type}, "
                f"not {schema.field(column.name).type}; build the manifest again"
            )
    number = 0
    for batch in table.to_batches(_BATCH):
        for row in batch.to_pylist():
            number += 1
            yield f"row {number}", row


def _metadata(content: bytes, path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(content)
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise ManifestError(f"{path}: this is not the metadata of a manifest; build it again")
    return metadata


def _write_csv(path: Path, rows: Iterator[Row]) -> None:
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        cells = ([_cell(name, value) for name, value in row.items()] for row in rows)
        write_rows(text, chain([FIELDS], cells), ending="\r\n")
        text.flush()
        text.detach()


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False) if value or name == "annotations" else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read_csv(path: Path) -> tuple[Iterator[tuple[str, Row]], Mapping[str, Any]]:
    real = path.resolve()
    sidecar = real.with_name(real.name + SIDECAR)
    metadata = _metadata(sidecar.read_bytes(), sidecar) if sidecar.is_file() else {}
    return _csv_rows(path), metadata


def _csv_rows(path: Path) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            head = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=head.count), strict=True)
            names = next(reader, [])
            while names and not names[-1]:  # columns that a spreadsheet added
                names.pop()
            _check_columns(names, f"{path}, line 1")
            for line in reader:
                cells = [unprotected(cell) for cell in line]
                where = f"line {reader.line_num}"
                if not any(cells):
                    continue
                if len(cells) < len(names) or any(cells[len(names) :]):
                    raise ManifestError(
                        f"{path}, {where}: the line has {len(cells)} cells and the head "
                        f"{len(names)}; is a separator another, or the file cut off?"
                    )
                yield where, _convert(zip(names, cells, strict=False), f"{path}, {where}")
        except UnicodeDecodeError as error:
            raise ManifestError(f"{path}: the table is not in UTF-8; save it so") from error
        except csv.Error as error:
            raise ManifestError(f"{path}, line {reader.line_num}: {error}") from error


def _json_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """Each value goes the way of a CSV's cell, so that both are checked alike."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                where = f"{path}, line {number}"
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ManifestError(f"{where}: the line is not a JSON object")
                _check_columns(list(row), where)
                cells = ((name, _cell(name, value)) for name, value in row.items())
                yield f"line {number}", _convert(cells, where)
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: the manifest is not in UTF-8; save it so") from error
    except json.JSONDecodeError as error:
        raise ManifestError(
            f"{where}: the line is not JSON ({error.msg}); is it cut off?"
        ) from error


def _convert(cells: Iterable[tuple[str, str]], where: str) -> Row:
    row = {}
    for name, cell in cells:
        try:
            row[name] = _CONVERTERS.get(name, str)(cell) if cell else None
        except (KeyError, ValueError) as error:
            raise ManifestError(
                f"{where}: {cell[:80]!r} is no value that {name} can have; write {_FORMS[name]}"
            ) from error
    return row


def _strings(cell: str) -> list[str]:
    value = json.loads(cell)
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise ValueError
    return value


def _whole_number(cell: str) -> int:
    return int(cell.removesuffix(".0"))  # pandas writes columns with gaps as 3.0


def _texts_by_name(cell: str) -> dict[str, str]:
    value = json.loads(cell)
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise ValueError
    return value


_CONVERTERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(_LISTS, _strings),
    **dict.fromkeys(_BOOLEANS, lambda cell: {"true": True, "false": False}[cell.lower()]),
    **dict.fromkeys(_INTEGERS, _whole_number),
    **dict.fromkeys(_NUMBERS, float),
    "annotations": json.loads,
    "extra": _texts_by_name,
}
_FORMS = {
    **dict.fromkeys(_LISTS, 'a JSON list, as in ["hand", "wrist"]'),
    **dict.fromkeys(_BOOLEANS, "true or false"),
    **dict.fromkeys(_INTEGERS, "a whole number"),
    **dict.fromkeys(_NUMBERS, "a number with a decimal point"),
    "annotations": "a JSON list of marks",
    "extra": "a JSON object of texts",
}


def write_dropped(path: Path, dropped: Sequence[tuple[str, Dropped]]) -> None:
    """A table of what was left out and why; no table if nothing was."""
    if not dropped:
        path.unlink(missing_ok=True)
        return
    text = io.StringIO()
    lines = ((source, item.what, item.reason) for source, item in dropped)
    write_rows(text, chain([("source", "what", "reason")], lines))
    write_whole(path, text.getvalue().encode(errors="backslashreplace"))
