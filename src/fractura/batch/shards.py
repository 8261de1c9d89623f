"""A folder of readings in shards, which a killed run leaves in order and the next goes on with."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, BinaryIO

from fractura.atomic_write import whole_file, write_whole, writing
from fractura.batch.input_sources import path_digest
from fractura.batch.ray import BatchItem, BatchOutcome, BatchSettings
from fractura.errors import WrongUsageError
from fractura.findings import Reading
from fractura.locking import locked

LINES_A_SHARD = 100_000
SUMMARY_SCHEMA = 1
"""Number of the form of ``summary.json``."""
KINDS = ("fracture", "uncertain", "no fracture", "not evaluated", "failed")
"""What a line can say."""


class Shards:
    """``readings-00001.jsonl``, … and ``summary.json`` in one folder; a context manager.

    Lines are appended as they come, so that a kill loses none, and a line that it tore is cut off
    by the next run. A folder holds readings of one model and one set of options. On leaving, older
    lines of a path are dropped and the summary is written.
    """

    def __init__(
        self, folder: Path, settings: BatchSettings, lines_a_shard: int = LINES_A_SHARD
    ) -> None:
        """Open or create the folder.

        Args:
            folder: where the results are.
            settings: how everything in the folder is read.
            lines_a_shard: most lines in one shard.

        Raises:
            SaveError: the folder cannot be written.
            InUseError: another run uses it.
            WrongUsageError: it holds readings of other settings, or files of another kind.
        """
        self.folder = folder
        self.kinds: Counter[str] = Counter()
        self._settings = asdict(settings)
        self._lines_a_shard = lines_a_shard
        self._known: dict[bytes, bytes] = {}
        self._replaced: set[bytes] = set()
        self._synced = monotonic()
        self._started = monotonic()
        self._read = 0
        with writing(folder), ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder))
            self._check_settings()
            for part in folder.glob(".*.part"):
                part.unlink(missing_ok=True)
            shards = self._shards()
            counts = [self._load(shard) for shard in shards]
            self._number = len(shards) or 1
            self._lines = counts[-1] if counts else 0
            self._shard = self._open()
            self._lock = stack.pop_all()
        self._write_summary(finished=False)

    def __enter__(self) -> Shards:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with writing(self.folder), self._lock:
            self._sync()
            self._shard.close()
            self._drop_older()
            self._write_summary(finished=error is None)

    def entry(self, path: str) -> BatchItem:
        """The path, with what the folder knows of it."""
        known = self._known.get(path_digest(path))
        if known is None:
            return BatchItem(path)
        return BatchItem(path, known[1:].hex() or None, KINDS[known[0]])

    def add(self, answer: BatchOutcome) -> None:
        """Append lines.

        Raises:
            SaveError: the disk is full or gone.
        """
        with writing(self.folder):
            if self._lines >= self._lines_a_shard:
                self._sync()
                self._shard.close()
                self._number, self._lines = self._number + 1, 0
                self._shard = self._open()
            self._shard.write(answer.lines)
            self._shard.flush()
            if monotonic() - self._synced > 1:
                self._sync()
        self._lines += answer.read.total()
        self._read += answer.read.total()
        self.kinds.update(answer.read)
        self.kinds.subtract(str(old.said) for old in answer.replaced)
        self._replaced.update(path_digest(old.path) for old in answer.replaced)

    def _shards(self) -> list[Path]:
        return sorted(self.folder.glob("readings-*.jsonl"))

    def _open(self) -> BinaryIO:
        return (self.folder / f"readings-{self._number:05}.jsonl").open("ab")

    def _check_settings(self) -> None:
        try:
            found = json.loads((self.folder / "summary.json").read_bytes())["settings"]
        except FileNotFoundError:
            if not any(self.folder.glob("readings*")):
                return
            found = None
        except (ValueError, KeyError, TypeError):
            found = None
        if found is None:
            raise WrongUsageError(
                f"{self.folder} holds other results than those of --ray; choose another folder"
            )
        if _compared(found) != _compared(self._settings):
            raise WrongUsageError(
                f"{self.folder} holds readings of another model, version or option (see its "
                "summary.json); choose another folder"
            )

    def _load(self, shard: Path) -> int:
        """Learn what a shard holds, cut off a torn line, and return the number of lines."""
        number = end = 0
        with shard.open("r+b") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    file.truncate(end)
                    return number - 1
                end += len(line)
                try:
                    path, known = _known(line)
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise WrongUsageError(
                        f"{shard}, line {number}, is no reading; move the file away or choose "
                        "another folder for the results"
                    ) from None
                if path in self._known:
                    self._replaced.add(path)
                    self.kinds[KINDS[self._known[path][0]]] -= 1
                self._known[path] = known
                self.kinds[KINDS[known[0]]] += 1
        return number

    def _drop_older(self) -> None:
        """Keep, of each replaced path, the line that was written last."""
        if not self._replaced:
            return
        newest: dict[bytes, tuple[int, int]] = {}
        shards = self._shards()
        for place, path in self._places(shards):
            if path in self._replaced:
                newest[path] = place
        for index, shard in enumerate(shards):
            older = {
                number
                for (_, number), path in self._places([shard], index)
                if newest.get(path, (index, number)) != (index, number)
            }
            if older:
                with shard.open("rb") as lines, whole_file(shard) as file:
                    file.writelines(
                        line for number, line in enumerate(lines) if number not in older
                    )

    def _places(
        self, shards: list[Path], first: int = 0
    ) -> Iterator[tuple[tuple[int, int], bytes]]:
        for index, shard in enumerate(shards, start=first):
            with shard.open("rb") as file:
                for number, line in enumerate(file):
                    yield (index, number), _known(line)[0]

    def _write_summary(self, *, finished: bool) -> None:
        seconds = monotonic() - self._started
        summary = {
            "schema": SUMMARY_SCHEMA,
            "finished": finished,
            "files": self.kinds.total(),
            **{kind: self.kinds[kind] for kind in KINDS},
            "last_run": {"read": self._read, "seconds": round(seconds, 2)},
            "shards": [shard.name for shard in self._shards()],
            "settings": self._settings,
        }
        write_whole(self.folder / "summary.json", json.dumps(summary, indent=1).encode() + b"\n")

    def _sync(self) -> None:
        self._shard.flush()
        os.fsync(self._shard.fileno())
        self._synced = monotonic()


def _compared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Two names of one model file are one model."""
    return {name: value for name, value in settings.items() if name != "model"}


def _known(line: bytes) -> tuple[bytes, bytes]:
    """A line's path as a digest; its kind as one byte, and the SHA-256 of what was read."""
    data = json.loads(line)
    if "error" in data:
        return path_digest(data["path"]), bytes([KINDS.index("failed")])
    reading = Reading.from_dict(data)
    kind = bytes([KINDS.index(reading.decision)])
    return path_digest(str(reading.path)), kind + bytes.fromhex(reading.sha256)
