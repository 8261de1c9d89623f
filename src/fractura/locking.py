"""A folder that one process at a time writes to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractura.errors import InUseError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder, on systems that have ``flock``.

    Raises:
        InUseError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(
                f"{folder} is in use by another fractura; wait for it or choose another folder"
            ) from None
        yield
    finally:
        os.close(descriptor)
