"""Read the tags of a TIFF file or an EXIF block, with bounded work on hostile data."""

from __future__ import annotations

import struct
from collections.abc import Iterator

NEW_SUBFILE_TYPE = 254
WIDTH = 256
HEIGHT = 257
BITS_PER_SAMPLE = 258
COMPRESSION = 259
PHOTOMETRIC = 262
ORIENTATION = 274
SAMPLES_PER_PIXEL = 277
PLANAR_CONFIGURATION = 284
COLOR_MAP = 320
TILE_WIDTH = 322
TILE_LENGTH = 323
EXTRA_SAMPLES = 338

_MAX_DIRECTORIES = 10_000
_MAX_ENTRIES = 100_000
_UNSIGNED = {1: "B", 3: "H", 4: "I", 16: "Q"}


class Directory:
    """The unsigned integer tags of one image file directory."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order
        self._entries: dict[int, tuple[str, int, int]] = {}

    def add(self, tag: int, kind: int, count: int, place: int, inline: int) -> None:
        """Note where the values of a tag are; ``inline`` bytes fit at ``place`` itself."""
        if kind not in _UNSIGNED or not count:
            return
        code = _UNSIGNED[kind]
        if count * struct.calcsize(code) > inline:
            pointer = "Q" if inline == 8 else "I"
            (place,) = struct.unpack_from(self._order + pointer, self._data, place)
        self._entries[tag] = (code, count, place)

    def first(self, tag: int, default: int) -> int:
        """The first value of a tag, or the default where it is absent."""
        return (self.values(tag, 1) or (default,))[0]

    def values(self, tag: int, most: int) -> tuple[int, ...]:
        """Up to ``most`` values of a tag; none where it is absent or lies outside the data."""
        code, count, place = self._entries.get(tag, ("B", 0, 0))
        try:
            return struct.unpack_from(f"{self._order}{min(count, most)}{code}", self._data, place)
        except (struct.error, OverflowError):
            return ()


def directories(data: bytes) -> Iterator[Directory]:
    """Yield the image file directories of a TIFF 6.0 or BigTIFF file in order.

    What is damaged ends the walk; nothing is raised.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    pointer, counter, inline, start = ("Q", "Q", 8, 8) if big else ("I", "H", 4, 4)
    entry = struct.Struct(f"{order}HH{pointer}")
    budget = _MAX_ENTRIES
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + pointer, data, start)
        while offset and offset not in seen and len(seen) < _MAX_DIRECTORIES:
            seen.add(offset)
            (count,) = struct.unpack_from(order + counter, data, offset)
            offset += struct.calcsize(counter)
            budget -= count
            if budget < 0:
                return
            directory = Directory(data, order)
            for _ in range(count):
                tag, kind, values = entry.unpack_from(data, offset)
                directory.add(tag, kind, values, offset + entry.size, inline)
                offset += entry.size + inline
            yield directory
            (offset,) = struct.unpack_from(order + pointer, data, offset)
    except (struct.error, OverflowError):
        return


def orientation(exif: bytes) -> int:
    """EXIF orientation 1..8 of a block that starts with a TIFF header; 1 where none is valid."""
    directory = next(directories(exif), None)
    stated = directory.first(ORIENTATION, 1) if directory else 1
    return stated if 1 <= stated <= 8 else 1
