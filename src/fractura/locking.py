"""A folder that one process at a time writes to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractura.errors import InUseError

LOCK = ".lock"
"""Name of the file that is locked; it stays behind, and a killed process holds nothing."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder.

    Raises:
        InUseError: another process holds it.
    """
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise InUseError(
            f"{folder} is in use by another fractura; wait for it or choose another folder"
        ) from None
