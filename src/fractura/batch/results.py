"""A folder of results that a killed run leaves in order and the next run goes on with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from time import monotonic
from types import TracebackType
from typing import Any

from fractura.atomic_write import whole_file, writing
from fractura.batch.pictures import picture_name
from fractura.errors import WrongUsageError
from fractura.findings import Failure, Reading
from fractura.imaging.files import PICTURES_MARK
from fractura.locking import locked
from fractura.spreadsheet import write_rows

COLUMNS = (
    *("path", "decision", "probability", "findings", "best_score", "x_min", "y_min", "x_max"),
    *("y_max", "region", "region_probability", "width", "height", "model", "sha256", "picture"),
    *("warnings", "error_type", "error", "reliable", "reason"),
)


@dataclass(frozen=True, slots=True)
class _Line:
    """Where a path's latest line is in ``readings.jsonl``, and what it was made of."""

    start: int
    length: int
    digest: str
    sha256: str | None


class Results:
    """``readings.jsonl``, ``readings.csv`` and ``pictures/`` in one folder; a context manager.

    Lines are appended as they come, so that a kill loses none, and a line that it tore is cut off
    by the next run. A file in ``pictures/`` records for each reading's line the settings that
    made it: a radiograph is not read again while its line, its settings, its bytes and its
    picture are unchanged. On leaving, older lines of a path are dropped and the CSV is written.
    """

    def __init__(self, folder: Path, settings: str) -> None:
        """Open or create the folder.

        Args:
            folder: where the results are.
            settings: whatever a reading depends on besides the file.

        Raises:
            SaveError: the folder cannot be written.
            InUseError: another run uses it.
            WrongUsageError: its ``readings.jsonl`` is of another kind.
        """
        self.folder = folder
        self._settings = settings
        self._path = folder / "readings.jsonl"
        self._pictures = folder / "pictures"
        self._index: dict[str, _Line] = {}
        self._stale = False
        self._synced = monotonic()
        with writing(folder), ExitStack() as files:
            self._pictures.mkdir(parents=True, exist_ok=True)
            files.enter_context(locked(folder))
            for part in (*folder.glob(".*.part"), *self._pictures.glob(".*.part")):
                part.unlink(missing_ok=True)
            self._lines = files.enter_context(self._path.open("a+b"))
            self._finished = files.enter_context((self._pictures / PICTURES_MARK).open("a+b"))
            self._read_index()
            self._finished.seek(0)
            self._tokens = set(self._finished.read().split())
            self._finished.write(b"\n")
            self._open_files = files.pop_all()

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with writing(self.folder), self._open_files:
            self._sync()
            with whole_file(self.folder / "readings.csv") as file:
                text = TextIOWrapper(file, "utf-8", errors="backslashreplace", newline="")
                rows = (_row(json.loads(line)) for line in self._stored())
                cells = ([row.get(name) for name in COLUMNS] for row in rows)
                write_rows(text, chain([COLUMNS], cells), ending="\r\n")
                text.detach()
            if self._stale:
                with whole_file(self._path) as file:
                    file.writelines(self._stored())
                    self._lines.close()

    def holds(self, path: str) -> bool:
        """Whether a reading of this path is there that would come out the same again."""
        line = self._index.get(path)
        if line is None or self._token(line.digest) not in self._tokens:
            return False
        return self.picture(path).is_file() and _sha256(path) == line.sha256

    def reading(self, path: str) -> Reading:
        """The reading of a path for which :meth:`holds` is true."""
        return Reading.from_dict(json.loads(self._fetch(self._index[path])))

    def picture(self, path: str) -> Path:
        """Where the picture of a path belongs."""
        return self._pictures / picture_name(path)

    def add(self, outcome: Reading | Failure) -> None:
        """Append a line.

        Raises:
            SaveError: the disk is full or gone.
        """
        line = json.dumps(outcome.as_dict()).encode() + b"\n"
        with writing(self._path):
            if isinstance(outcome, Reading):  # before its line: a kill in between costs nothing
                self._finished.write(self._token(sha256(line).hexdigest()) + b"\n")
                self._finished.flush()
            start = self._lines.seek(0, os.SEEK_END)
            self._lines.write(line)
            self._lines.flush()
            self._enter(start, line)
            if isinstance(outcome, Failure):
                self.picture(outcome.path).unlink(missing_ok=True)
            if monotonic() - self._synced > 1:
                self._sync()

    def _read_index(self) -> None:
        self._lines.seek(0)
        start = 0
        for number, line in enumerate(self._lines, start=1):
            if not line.endswith(b"\n"):
                self._lines.truncate(start)
                break
            try:
                _row(json.loads(line))
                self._enter(start, line)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise WrongUsageError(
                    f"{self._path}, line {number}, is no reading; move the file away or choose "
                    "another folder for the results"
                ) from None
            start += len(line)

    def _enter(self, start: int, line: bytes) -> _Line:
        data = json.loads(line)
        path = data["path"]
        self._stale |= path in self._index
        entry = _Line(start, len(line), sha256(line).hexdigest(), data.get("sha256"))
        self._index[path] = entry
        return entry

    def _fetch(self, line: _Line) -> bytes:
        self._lines.seek(line.start)
        return self._lines.read(line.length)

    def _stored(self) -> Iterator[bytes]:
        """The latest line of each path, in the order in which paths first came."""
        return (self._fetch(line) for line in self._index.values())

    def _token(self, digest: str) -> bytes:
        return sha256(f"{digest} {self._settings}".encode()).hexdigest()[:32].encode()

    def _sync(self) -> None:
        for file in (self._lines, self._finished):
            file.flush()
            os.fsync(file.fileno())
        self._synced = monotonic()


def _row(data: dict[str, Any]) -> dict[str, Any]:
    if "error" in data:
        error = data["error"]
        return {"path": data["path"], "error_type": error["type"], "error": error["message"]}
    reading = Reading.from_dict(data)
    row = {
        "path": reading.path,
        "decision": reading.decision,
        "probability": reading.probability,
        "findings": len(reading.findings),
        "region": reading.region,
        "region_probability": reading.region_probability,
        "width": reading.width,
        "height": reading.height,
        "model": reading.model,
        "sha256": reading.sha256,
        "picture": f"pictures/{picture_name(reading.path or '')}",
        "warnings": "; ".join(reading.warnings),
        "reliable": reading.reliable,
        "reason": None if reading.reason is None else reading.reason.code,
    }
    if reading.findings:
        best = reading.findings[0]
        corners = zip(("x_min", "y_min", "x_max", "y_max"), best.box.as_list(), strict=True)
        row |= {"best_score": best.score, **dict(corners)}
    return row


def _sha256(path: str) -> str | None:
    """Of a regular file's bytes; None if they cannot be read."""
    try:
        if not S_ISREG(Path(path).stat().st_mode):
            return None
        with Path(path).open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
