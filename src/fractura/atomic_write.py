"""Write files whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fractura.errors import SaveError


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file so that, even if the machine stops, it is there entirely or as it was.

    Raises:
        SaveError: where the folder is missing, not writable or full.
    """
    with whole_file(path) as file:
        file.write(data)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, if they are not there.

    Raises:
        SaveError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"{path}: the folder could not be made ({error.strerror})") from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """:func:`write_whole` piece by piece: the file takes its place when the block has ended.

    Raises:
        SaveError: where the folder is missing, not writable or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SaveError(f"{path}: could not be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says while files in ``path`` are written into a :class:`SaveError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SaveError(f"{error.filename or path}: could not be written ({reason})") from error
