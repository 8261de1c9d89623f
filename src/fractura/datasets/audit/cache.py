"""What was examined, kept on disk: a killed audit goes on where it was, in little memory."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import NamedTuple, overload

import numpy as np

from fractura.atomic_write import writing
from fractura.datasets.audit.examine import Examination, Picture
from fractura.datasets.audit.pictures import PICTURE_SIDE
from fractura.locking import locked
from fractura.version import __version__

CACHE_VERSION = 1
"""Raised whenever an examination or a picture of the same file comes out differently."""

_HEAD = json.dumps([CACHE_VERSION, __version__, PICTURE_SIDE]).encode() + b"\n"


class StoredPlace(NamedTuple):
    """Where a picture is among the stored ones, and its shape."""

    start: int
    height: int
    width: int

    @property
    def end(self) -> int:
        """First byte behind the picture."""
        return self.start + self.height * self.width


class Pictures(Sequence[Picture | None]):
    """Pictures on disk, uint8 ``[h, w]`` each; ``None`` where a file could not be read."""

    def __init__(self, path: Path, places: Sequence[StoredPlace | None]) -> None:
        self._places = places
        empty = not path.stat().st_size
        self._pixels = np.empty(0, np.uint8) if empty else np.memmap(path, np.uint8, mode="r")

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Picture | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Picture | None]: ...
    def __getitem__(self, index: int | slice) -> Picture | list[Picture | None] | None:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        place = self._places[index]
        if place is None:
            return None
        pixels = np.asarray(self._pixels[place.start : place.end])
        return pixels.reshape(place.height, place.width)


class Cache:
    """Examinations and pictures by the SHA-256 of the file they are of; a context manager.

    A picture is written before its examination, so a line of ``examinations.jsonl`` always has
    its picture in ``pictures.bin``. What a kill tore is cut off when the folder is opened again.
    """

    def __init__(self, folder: Path) -> None:
        """Open or create the folder.

        Raises:
            InUseError: another audit uses it.
            SaveError: it cannot be written.
        """
        self._folder = folder
        self._index: dict[str, tuple[Examination, StoredPlace | None]] = {}
        self._synced = monotonic()
        with writing(folder), ExitStack() as files:
            folder.mkdir(parents=True, exist_ok=True)
            files.enter_context(locked(folder))
            self._lines = files.enter_context((folder / "examinations.jsonl").open("a+b"))
            self._pixels = files.enter_context((folder / "pictures.bin").open("a+b"))
            self._read()
            self._files = files.pop_all()

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with writing(self._folder), self._files:
            self._sync()

    def get(self, sha256: str) -> tuple[Examination, StoredPlace | None] | None:
        """What is held of the file with these bytes."""
        return self._index.get(sha256)

    def add(self, examination: Examination, picture: Picture | None) -> None:
        """Keep what was found out of a file.

        Raises:
            SaveError: the disk is full or gone.
        """
        with writing(self._folder):
            place = None
            if picture is not None:
                place = StoredPlace(self._pixels.seek(0, os.SEEK_END), *picture.shape)
                self._pixels.write(np.ascontiguousarray(picture).data)
                self._pixels.flush()
            line = json.dumps({"place": place, **asdict(examination)}).encode() + b"\n"
            self._lines.write(line)
            self._lines.flush()
            if monotonic() - self._synced > 1:
                self._sync()
        self._index[examination.sha256] = examination, place

    def pictures(self, digests: Sequence[str]) -> Pictures:
        """The pictures of files that are held, in the order of their SHA-256."""
        places = [self._index[digest][1] if digest in self._index else None for digest in digests]
        return Pictures(self._folder / "pictures.bin", places)

    def _read(self) -> None:
        self._lines.seek(0)
        kept, end = 0, 0
        size = self._pixels.seek(0, os.SEEK_END)
        if self._lines.readline() == _HEAD:
            kept = len(_HEAD)
            for line in self._lines:
                entry = _entry(line)
                if entry is None or (entry[1] and entry[1].end > size):
                    break
                kept += len(line)
                end = entry[1].end if entry[1] else end
                self._index[entry[0].sha256] = entry
        self._lines.truncate(kept)
        self._pixels.truncate(end)
        if not kept:
            self._lines.write(_HEAD)
            self._lines.flush()

    def _sync(self) -> None:
        for file in (self._pixels, self._lines):
            file.flush()
            os.fsync(file.fileno())
        self._synced = monotonic()


def _entry(line: bytes) -> tuple[Examination, StoredPlace | None] | None:
    """What a line says, or ``None`` if it was torn."""
    if not line.endswith(b"\n"):
        return None
    try:
        values = json.loads(line)
        place = values.pop("place")
        values["border"] = tuple(values["border"])
        return Examination(**values), StoredPlace(*place) if place else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
