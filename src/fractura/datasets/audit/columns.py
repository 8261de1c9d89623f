"""What can be known of an image without looking at its inside, as columns of numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.audit.examine import BORDER_DEPTHS, Examination
from fractura.datasets.record import Record

MOST_CATEGORIES = 50
"""Different values of a column of words, at most; rarer ones become one."""

FEW_VALUES = 20
"""Different values that an extra may have to be taken for metadata."""

REPEATS = 0.99
"""Share of a source's images above which a column given for one class alone repeats the label."""

_OF_THE_LABEL = re.compile(r"fract|label|class|diagnos|finding|abnormal|patholog|\bao\b|^ao_")
_EDGES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: for people.
        values: float64 ``[n]``; of categories their number; ``nan`` where unknown.
        categorical: whether the numbers are names.
    """

    name: str
    values: NDArray[np.float64]
    categorical: bool = False


def column_sets(
    records: Sequence[Record], examinations: Sequence[Examination]
) -> dict[str, tuple[Column, ...]]:
    """Columns that vary, by what they tell of: source, metadata, size, format, border."""
    sets = {
        "source": [_named("source", [record.source for record in records])],
        "metadata": _metadata(records),
        "size": [_measured(name, examinations, get) for name, get in _SIZE.items()],
        "format": [
            _named("format", [item.format or None for item in examinations]),
            *(_measured(name, examinations, get) for name, get in _FORMAT.items()),
        ],
        "border": [_measured(name, examinations, get) for name, get in _BORDER.items()],
    }
    return {name: tuple(filter(varies, columns)) for name, columns in sets.items()}


def without_label(
    column: Column, sources: NDArray[np.str_], positive: NDArray[np.bool_]
) -> tuple[Column, tuple[str, ...]]:
    """The column without the sources that give it for one class alone, and those sources.

    Such a column was made from the label, like a region that a source tells of its boxes only.
    """
    known, values, repeating = ~np.isnan(column.values), column.values.copy(), []
    for source in np.unique(sources):
        own = sources == source
        agreement = np.mean(known[own] == positive[own])
        if not known[own].all() and known[own].any() and abs(agreement - 0.5) >= REPEATS - 0.5:
            values[own] = np.nan
            repeating.append(str(source))
    return replace(column, values=values), tuple(repeating)


def _metadata(records: Sequence[Record]) -> list[Column]:
    named: dict[str, Callable[[Record], str | None]] = {
        "source": lambda record: record.source,
        "sex": lambda record: record.sex,
        "side": lambda record: record.laterality,
        "region": lambda record: " ".join(record.regions) or None,
        "view": lambda record: " ".join(record.views) or None,
        "modality": lambda record: record.modality,
    }
    columns = [_named(name, list(map(get, records))) for name, get in named.items()]
    for name in ("age", "hardware", "cast", "follow_up"):
        values = [getattr(record, name) for record in records]
        columns.append(Column(name.replace("_", "-"), np.array(values, dtype=np.float64)))
    extras = sorted({key for record in records for key in record.extra})
    for key in extras:
        words = [record.extra.get(key) for record in records]
        if not _OF_THE_LABEL.search(key.lower()) and len(set(words) - {None}) <= FEW_VALUES:
            columns.append(_named(f"extra {key}", words))
    return columns


_SIZE: Mapping[str, Callable[[Examination], float]] = {
    "width": lambda item: item.width,
    "height": lambda item: item.height,
    "height over width": lambda item: item.height / item.width,
    "pixels": lambda item: item.width * item.height,
}
_FORMAT: Mapping[str, Callable[[Examination], float]] = {
    "bits": lambda item: item.bits,
    "channels": lambda item: item.channels,
    "bytes": lambda item: item.size,
    "bytes a pixel": lambda item: item.size / (item.width * item.height),
    "truncated": lambda item: item.truncated,
}


def _strip(at: int) -> Callable[[Examination], float]:
    return lambda item: item.border[at]


_BORDER: Mapping[str, Callable[[Examination], float]] = {
    **{
        f"{figure} of the {edge} {depth:.0%}": _strip(8 * level + 2 * side + part)
        for level, depth in enumerate(BORDER_DEPTHS)
        for side, edge in enumerate(_EDGES)
        for part, figure in enumerate(("mean", "deviation"))
    },
    **{name: attrgetter(name) for name in ("mean", "contrast", "black", "white")},
}


def _measured(
    name: str, examinations: Sequence[Examination], get: Callable[[Examination], float]
) -> Column:
    values = [get(item) if item.readable else np.nan for item in examinations]
    return Column(name, np.array(values, dtype=np.float64))


def _named(name: str, words: Sequence[str | None]) -> Column:
    """Words numbered by how common they are."""
    counts = Counter(word for word in words if word is not None)
    common = sorted(counts, key=lambda word: (-counts[word], word))
    numbers = {word: min(number, MOST_CATEGORIES - 1) for number, word in enumerate(common)}
    values = [np.nan if word is None else numbers[word] for word in words]
    return Column(name, np.array(values, dtype=np.float64), categorical=True)


def varies(column: Column) -> bool:
    """Whether the column tells any two images apart."""
    known = column.values[~np.isnan(column.values)]
    return len(known) > 0 and (len(known) < len(column.values) or bool(np.ptp(known) > 0))
