"""From paths, tables and stores' addresses to a stream of any number of files to read."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from fractura.batch.paths import expand
from fractura.batch.ray import is_address
from fractura.errors import FracturaError, LoadError
from fractura.findings import Failure
from fractura.imaging.files import SUFFIXES
from fractura.imaging.limits import MAX_FILE_BYTES

TABLES = (".parquet", ".csv")
"""What the name of a manifest ends in."""


def find_files(arguments: Sequence[str]) -> Iterator[str | Failure]:
    """The files that paths, folders, patterns, manifests and addresses stand for, each once.

    Nothing but a short digest of each is kept. A manifest, or any table with a column ``path``,
    stands for the files in it; paths there are relative to its folder, or addresses. An address
    (``s3://bucket/prefix``, ``gs://…``) stands for an object, or for all objects below it that may
    be radiographs by their names.

    Raises:
        FracturaError: a table is damaged or has no such column.
    """
    seen: set[bytes] = set()
    for argument in arguments:
        for item in _files(argument):
            digest = path_digest(_identity(item))
            if digest not in seen:
                seen.add(digest)
                yield item


def path_digest(path: str) -> bytes:
    """16 bytes that stand for a path."""
    return blake2b(os.fsencode(path), digest_size=16).digest()


def fetch(address: str) -> bytes:
    """The bytes of the object at an address, or one more than the most that are read.

    Raises:
        LoadError: it cannot be opened.
    """
    try:
        store, path, _ = _locate(address)
        with store.open_input_file(path) as file:
            return bytes(file.read(MAX_FILE_BYTES + 1))
    except (OSError, ValueError) as error:
        raise LoadError(f"{address}: cannot be opened ({_reason(error)})") from error


def _identity(item: str | Failure) -> str:
    if isinstance(item, Failure):
        return item.path
    return item if is_address(item) else str(Path(item).absolute())


def _files(argument: str) -> Iterator[str | Failure]:
    if is_address(argument):
        return _objects(argument)
    if argument.lower().endswith(TABLES) and Path(argument).is_file():
        return _listed(Path(argument))
    return expand(argument)


def _objects(address: str) -> Iterator[str | Failure]:
    """Objects below a prefix, folder by folder, in the order of their names."""
    from pyarrow.fs import FileSelector, FileType

    try:
        store, start, scheme = _locate(address)
        kind = store.get_file_info(start).type
    except (OSError, ValueError) as error:
        yield Failure(address, "LoadError", f"{address}: cannot be listed ({_reason(error)})")
        return
    if kind == FileType.File:
        yield address
        return
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        try:
            found = store.get_file_info(FileSelector(folder))
        except OSError as error:
            name = f"{scheme}://{folder}"
            yield Failure(name, "LoadError", f"{name}: cannot be listed ({_reason(error)})")
            continue
        entries = sorted(
            (entry for entry in found if not entry.base_name.startswith(".")),
            key=lambda entry: str(entry.base_name),
        )
        waiting += [entry.path for entry in reversed(entries) if entry.type == FileType.Directory]
        yield from (
            f"{scheme}://{entry.path}"
            for entry in entries
            if entry.type == FileType.File and _may_be_radiograph(entry.base_name)
        )


def _may_be_radiograph(name: str) -> bool:
    """By the name alone: DICOM objects are often called by their identifier, without a suffix."""
    suffix = PurePosixPath(name).suffix.lower()
    unnamed = not suffix or suffix[1:].isdecimal()
    return suffix in SUFFIXES or (unnamed and name.upper() != "DICOMDIR")


def _locate(address: str) -> tuple[Any, str, str]:
    """The store that holds an address, the path within it and the scheme."""
    scheme, _, rest = address.partition("://")
    return _store(scheme, rest.partition("/")[0]), rest, scheme


@cache
def _store(scheme: str, bucket: str) -> Any:
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(f"{scheme}://{bucket}/")[0]


def _listed(table: Path) -> Iterator[str | Failure]:
    folder = table.resolve().parent
    paths = _parquet_paths(table) if table.suffix.lower() == ".parquet" else _csv_paths(table)
    for path in paths:
        if path:
            yield path if is_address(path) else os.path.normpath(folder / path)


def _parquet_paths(table: Path) -> Iterator[str | None]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(table) as file:
            if "path" not in file.schema_arrow.names:
                raise FracturaError(f"{table}: there is no column 'path' in this table")
            for batch in file.iter_batches(columns=["path"]):
                yield from batch.column(0).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise FracturaError(
            f"{table}: this is not a Parquet file, or only a part of one; build it again"
        ) from error


def _csv_paths(table: Path) -> Iterator[str | None]:
    csv.field_size_limit(1 << 30)
    with table.open(encoding="utf-8-sig", newline="") as file:
        try:
            head = file.readline()
            file.seek(0)
            rows = csv.DictReader(file, delimiter=max(",;\t", key=head.count))
            if "path" not in (rows.fieldnames or ()):
                raise FracturaError(f"{table}: there is no column 'path' in this table")
            yield from (row["path"] for row in rows)
        except (UnicodeDecodeError, csv.Error) as error:
            raise FracturaError(f"{table}: the table is not CSV in UTF-8; save it so") from error


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
