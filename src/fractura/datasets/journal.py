"""What has been learnt of files, kept on disk so that a killed build need not learn it again."""

from __future__ import annotations

import json
import stat
from errno import ENOSPC
from hashlib import file_digest, sha256
from os import strerror
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from fractura.datasets.head import Head, read_head
from fractura.errors import FracturaError, LoadError, SaveError
from fractura.imaging.limits import MAX_FILE_BYTES


class UnusableFileError(FracturaError):
    """``what`` cannot be used, for a ``reason`` that is worded alike for like causes."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}")
        self.what, self.reason = what, reason


class Facts(NamedTuple):
    """What the bytes of a file say: ``head``, or the ``problem`` that hides it."""

    sha256: str
    head: Head | None
    problem: str | None


class Journal:
    """Facts of files by path, size and time of change; a context manager.

    Each is one line of JSON, appended and handed to the system at once. Lines that a kill tore or
    that are damaged are ignored.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the journal.

        Raises:
            SaveError: it cannot be written.
        """
        self._path = path
        self._known: dict[tuple[str, int, int], Facts] = {}
        try:
            # Without a buffer nothing is left to be written, and to fail, when the file is closed.
            self._file = path.open("a+b", buffering=0)
            self._file.seek(0)
            for line in self._file.read().splitlines():
                self._remember(line)
            self._file.write(b"\n")
        except OSError as error:
            raise SaveError(f"{path}: could not be written ({error.strerror})") from error

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        if not self._known:
            self.remove()

    def facts(self, path: Path) -> Facts:
        """What the journal says of the file, or what its bytes say.

        Raises:
            UnusableFileError: the file is missing, empty, no regular file, or cannot be opened.
        """
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise UnusableFileError(str(path), "files are not regular")
            if not status.st_size:
                raise UnusableFileError(str(path), "files are empty")
            key = (str(path.absolute()), status.st_size, status.st_mtime_ns)
            known = self._known.get(key)
            if known:
                return known
            found = _read(path, status.st_size)
        except FileNotFoundError as error:
            raise UnusableFileError(str(path), "files are missing") from error
        except OSError as error:
            what = f"{path} ({error.strerror})"
            raise UnusableFileError(what, "files cannot be opened") from error
        self._append(key, found)
        return found

    def _append(self, key: tuple[str, int, int], facts: Facts) -> None:
        self._known[key] = facts
        line = json.dumps([*key, *facts]).encode() + b"\n"
        try:
            if self._file.write(line) != len(line):
                raise OSError(ENOSPC, strerror(ENOSPC))
        except OSError as error:
            raise SaveError(f"{self._path}: could not be written ({error.strerror})") from error

    def _remember(self, line: bytes) -> None:
        try:
            path, size, changed, digest, head, problem = json.loads(line)
            self._known[path, size, changed] = Facts(digest, head and Head(*head), problem)
        except (ValueError, TypeError):
            return

    def remove(self) -> None:
        """Delete the file: what it knew is in the manifest."""
        self._path.unlink(missing_ok=True)


def _read(path: Path, size: int) -> Facts:
    with path.open("rb") as file:
        if size > MAX_FILE_BYTES:
            return Facts(file_digest(file, "sha256").hexdigest(), None, "it is too large")
        data = file.read()
    digest = sha256(data).hexdigest()
    try:
        return Facts(digest, read_head(data), None)
    except LoadError as error:
        return Facts(digest, None, str(error))
