"""What an adapter of a data set is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fractura.datasets.record import Dropped, Label, Record, Remark
from fractura.errors import FracturaError


class SourceError(FracturaError):
    """A data set's folder lacks something without which nothing can be read."""


@dataclass(frozen=True)
class Options:
    """What a person may have to say of a data set of the general kinds.

    Attributes:
        name: of the data set; prefixes its records' ids.
        licence: of its images, if known.
        columns: our field for each of a table's columns that has another name.
        labels: our label for each of the source's own words (folder names, class names, values).
    """

    name: str
    licence: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A kind of data set.

    Attributes:
        name: the word in ``fractura data build NAME DIR``.
        title: full name, with its reference.
        address: where to get it; empty for the general kinds.
        licence: under which it may be used; ``None`` where the person must know.
        size: of the download, in words.
        layout: one line that says what the folder must hold.
        read: yields a record for everything kept and a :class:`Dropped` for everything else that
            the data set lists, and a :class:`Remark` where words had to be understood, in an
            order that depends on the content alone. It does not open
            images unless their content tells what the record needs (DICOM).
            Raises :class:`SourceError` if something is missing without which nothing can be read.
    """

    name: str
    title: str
    address: str
    licence: str | None
    size: str
    layout: str
    read: Callable[[Path, Options], Iterator[Record | Dropped | Remark]]

    def missing(self, what: Path | str) -> SourceError:
        """The error that says what is missing and where to get it."""
        where = f"; get it from {self.address}" if self.address else ""
        details = ", ".join(part for part in (self.licence, self.size) if part)
        return SourceError(
            f"{what} is missing: {self.name} needs {self.layout}{where}"
            + (f" ({details})" if details else "")
        )
