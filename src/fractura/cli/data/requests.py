"""From what a person typed to what is to be read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from fractura.errors import WrongUsageError

if TYPE_CHECKING:
    from fractura.datasets.build import Request
    from fractura.datasets.record import Label
    from fractura.datasets.sources.source import Source


def check_out(manifest: Path) -> None:
    """See that a manifest may have this name.

    Raises:
        WrongUsageError: it ends in neither ``.parquet`` nor ``.csv``.
        FracturaError: it ends in ``.parquet`` and pyarrow is not installed.
    """
    from fractura.datasets.manifest import ManifestError
    from fractura.datasets.storage import check_target

    try:
        check_target(manifest)
    except ManifestError as error:
        raise WrongUsageError(str(error)) from error


def find_source(name: str) -> Source:
    """The kind of data set with this name.

    Raises:
        WrongUsageError: there is none; the sentence names those there are.
    """
    from fractura.datasets.sources import SOURCES

    if name in SOURCES:
        return SOURCES[name]
    raise WrongUsageError(f"there is no source {name!r}{_nearest(name, list(SOURCES))}")


def find_requests(
    arguments: Sequence[str],
    names: Sequence[str],
    licences: Sequence[str],
    columns: Sequence[str],
    labels: Sequence[str],
) -> list[Request]:
    """Pairs of a source and a folder, with the options of each.

    Every option stands once for all sources, or once for each in their order. A licence that
    stands once for several sources is that of the general kinds; published data sets keep theirs.

    Raises:
        WrongUsageError: names the argument that does not fit.
    """
    from fractura.datasets.build import Request
    from fractura.datasets.sources.source import Options

    if len(arguments) % 2:
        raise WrongUsageError(
            f"{arguments[-1]!r} stands alone; give a source and its folder in pairs, "
            "as in: fractura data build fracatlas FracAtlas/ --out m.parquet"
        )
    kinds = [find_source(name) for name in arguments[::2]]
    folders = [Path(folder) for folder in arguments[1::2]]
    for folder in folders:
        if not folder.exists():
            raise WrongUsageError(f"{folder}: there is no such folder")
    count = len(kinds)
    called = [
        name or kind.name for name, kind in zip(_spread("--name", names, count), kinds, strict=True)
    ]
    for name in called:
        if called.count(name) > 1:
            raise WrongUsageError(
                f"several data sets have the name {name!r}; give each its own with --name"
            )
    one_licence = len(licences) == 1 < count
    return [
        Request(
            source,
            folder,
            Options(
                name=name,
                licence=None if one_licence and source.address else licence,
                columns=_columns(column or ""),
                labels=_labels(label or ""),
            ),
        )
        for source, folder, name, licence, column, label in zip(
            kinds,
            folders,
            called,
            _spread("--licence", licences, count),
            _spread("--columns", columns, count),
            _spread("--labels", labels, count),
            strict=True,
        )
    ]


def _spread(option: str, values: Sequence[str], count: int) -> list[str | None]:
    if len(values) <= 1:
        return [values[0] if values else None] * count
    if len(values) == count:
        return list(values)
    raise WrongUsageError(
        f"{option} stands {len(values)} times for {count} sources; "
        "give it once for all, or once for each in their order"
    )


def _columns(text: str) -> dict[str, str]:
    from fractura.datasets.sources.table import FIELDS

    columns = _pairs("--columns", "field=column", text, str.partition)
    for name in columns:
        if name not in FIELDS:
            raise WrongUsageError(f"--columns: there is no field {name!r}{_nearest(name, FIELDS)}")
    return columns


def _labels(text: str) -> dict[str, Label]:
    from fractura.datasets.record import LABELS

    labels: dict[str, Label] = {}
    for word, value in _pairs("--labels", "word=label", text, str.rpartition).items():
        label = next((label for label in LABELS if label == value), None)
        if label is None:
            raise WrongUsageError(f"--labels: there is no label {value!r}{_nearest(value, LABELS)}")
        labels[word] = label
    return labels


def _pairs(
    option: str, form: str, text: str, cut: Callable[[str, str], tuple[str, str, str]]
) -> dict[str, str]:
    """``a=b,c=d`` as a dictionary; a part with a comma stands in double quotes."""
    pairs: dict[str, str] = {}
    for part in next(csv.reader([text], skipinitialspace=True), []):
        left, sign, right = (piece.strip() for piece in cut(part, "="))
        if not (left and sign and right):
            raise WrongUsageError(f"{option}: {part!r} has not the form {form}")
        if left in pairs:
            raise WrongUsageError(f"{option}: {left!r} stands twice")
        pairs[left] = right
    return pairs


def _nearest(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1)
    guess = f"did you mean {near[0]!r}? There are" if near else "there are"
    return f"; {guess}: {', '.join(known)}"
