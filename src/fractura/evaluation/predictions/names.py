"""Which record an answer speaks of, by the name that another system gave the image."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from enum import IntEnum
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple

from fractura.datasets.record import Record
from fractura.evaluation.predictions.errors import PredictionError
from fractura.imaging.files import SUFFIXES

Index = dict[str, int | list[int]]
_FEW = 8
"""Records of one name that are compared one by one."""


class Closeness(IntEnum):
    """How well a name fits a record, from guess to certainty."""

    FILE_NAME = 1
    """Its file name or the end of its path is that of no other record, but folders differ."""
    SAME_BYTES = 2
    """The file's digest is the record's, the name is not."""
    EXACT = 3
    """The record's id, or the end of its path or id."""


class NameMatch(NamedTuple):
    """Index of a record, how well it fits, and how many parts of the paths are the same."""

    record: int
    closeness: Closeness
    shared: int = 0

    @property
    def strength(self) -> int:
        """Higher for a better fit, and among guesses for more of the path."""
        guessed = self.closeness is Closeness.FILE_NAME
        return 1000 * self.closeness + min(self.shared, 999) * guessed


class Names:
    """Finds records by digest, id, path, end of a path, or file name with or without suffix."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._by_end: dict[int, Index] = {}
        self.other_bytes = 0
        """Names that a record has whose digest is another."""

    def find(self, name: str, sha256: str | None = None) -> NameMatch | None:
        """The record that an answer speaks of, ``None`` if none does.

        A digest decides where both sides have one. Among several records of one file name, the
        one whose path or id has the longest end in common with ``name`` is meant.

        Raises:
            PredictionError: the name fits several records equally well.
        """
        if sha256 is not None and (copies := _listed(self._digests.get(sha256))):
            parts = _parts(name)
            ends = [self._shared(index, parts) for index in copies]
            best = copies[ends.index(max(ends))]
            exact = max(ends)[0] or self._records[best].id == name
            return NameMatch(best, Closeness.EXACT if exact else Closeness.SAME_BYTES, max(ends)[1])
        found = self._by_name(name)
        if found and sha256 is not None and self._records[found.record].sha256 is not None:
            self.other_bytes += 1
            return None
        return found

    def _by_name(self, name: str) -> NameMatch | None:
        index = self._ids.get(name)
        if index is not None:
            return NameMatch(index, Closeness.EXACT)
        parts = _parts(name)
        last = parts[-1] if parts else ""
        found = self._files.get(last)
        if found is None:
            found = self._stems.get(last)
        if found is None:
            stem, dot, suffix = last.rpartition(".")
            converted = dot and f".{suffix.lower()}" in SUFFIXES
            twin = self._stems.get(stem) if converted else None
            return NameMatch(twin, Closeness.FILE_NAME, 1) if isinstance(twin, int) else None
        candidates, whole = self._nearest(_listed(found), parts)
        if len(candidates) > _FEW and not whole:
            return None
        ends = [self._shared(index, parts) for index in candidates]
        whole, shared = max(ends)
        best = [at for at, end in zip(candidates, ends, strict=True) if end == (whole, shared)]
        if whole and len(best) > 1:
            first, second = (self._records[index].id for index in best[:2])
            raise PredictionError(
                f"{name} may be {first} or {second}; give longer paths, or the manifest's ids"
            )
        if len(best) > 1:
            return None
        return NameMatch(best[0], Closeness.EXACT if whole else Closeness.FILE_NAME, shared)

    def _nearest(self, candidates: list[int], parts: list[str]) -> tuple[list[int], bool]:
        """Those of many candidates that share most parts; whether they share all of them."""
        depth = 1
        while len(candidates) > _FEW and depth < len(parts):
            closer = _listed(self._ends(depth + 1).get("/".join(parts[-depth - 1 :])))
            if not closer:
                break
            candidates, depth = closer, depth + 1
        return candidates, depth == len(parts)

    def _ends(self, depth: int) -> Index:
        """Records by the last parts of their paths and ids, with and without suffix."""
        if depth not in self._by_end:
            self._by_end[depth] = _index(
                ("/".join((*parts[-depth:-1], last)), index)
                for index, record in enumerate(self._records)
                for parts in (_parts(os.fspath(record.path)), _parts(record.id))
                if len(parts) >= depth
                for last in {parts[-1], _stem(parts[-1])}
            )
        return self._by_end[depth]

    def _shared(self, index: int, parts: list[str]) -> tuple[bool, int]:
        """Whether the shorter of name and path (or id) is the end of the longer; parts shared."""
        record = self._records[index]
        return max(
            _shared_end(parts, _parts(other)) for other in (os.fspath(record.path), record.id)
        )

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {record.id: index for index, record in enumerate(self._records)}

    @cached_property
    def _digests(self) -> Index:
        return _index(
            (record.sha256, index)
            for index, record in enumerate(self._records)
            if record.sha256 is not None
        )

    @cached_property
    def _files(self) -> Index:
        return _index(
            (name, index)
            for index, record in enumerate(self._records)
            for name in {_last(os.fspath(record.path)), _last(record.id)}
        )

    @cached_property
    def _stems(self) -> Index:
        return _index(
            (stem, index)
            for index, record in enumerate(self._records)
            for stem in {_stem(_last(os.fspath(record.path))), _stem(_last(record.id))}
        )


def _index(items: Iterable[tuple[str, int]]) -> Index:
    """Numbers by name; lists only where a name comes several times, for they take memory."""
    found: Index = {}
    for name, number in items:
        there = found.setdefault(name, number)
        if isinstance(there, list):
            if there[-1] != number:
                there.append(number)
        elif there != number:
            found[name] = [there, number]
    return found


def _listed(found: int | list[int] | None) -> list[int]:
    if found is None:
        return []
    return [found] if isinstance(found, int) else found


def _parts(name: str) -> list[str]:
    plain = unicodedata.normalize("NFC", name).replace("\\", "/")
    return [part for part in plain.split("/") if part not in ("", ".", "..")]


def _last(name: str) -> str:
    return unicodedata.normalize("NFC", name.rpartition("/")[2])


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _shared_end(name: list[str], other: list[str]) -> tuple[bool, int]:
    if not name or not other or name[-1] not in (other[-1], _stem(other[-1])):
        return False, 0
    pairs = zip(reversed(name[:-1]), reversed(other[:-1]), strict=False)
    shared = 1 + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return shared == min(len(name), len(other)), shared
