"""What a part of the page is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fractura.datasets.report.charts import Drawing
from fractura.evaluation.report.table_cells import TableGrid


@dataclass(frozen=True)
class Exhibit:
    """A picture of the gallery.

    Attributes:
        kind: why it is shown.
        id: of its case.
        caption: what to see; may be empty.
        facts: label and probability in words, where there is no caption.
        uri: the picture, to stand in the page; ``None`` if there is none.
    """

    kind: str
    id: str
    caption: str
    facts: str
    uri: str | None


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: for people.
        text: paragraphs before the tables.
        grids: tables.
        drawings: figures.
        exhibits: pictures.
        notes: sentences on what is undefined or to be borne in mind.
    """

    title: str
    text: tuple[str, ...] = ()
    grids: tuple[TableGrid, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    exhibits: tuple[Exhibit, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Its place in the page's address."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower())


def notes_of(part: Mapping[str, Any]) -> tuple[str, ...]:
    """The notes of a part of a scorecard."""
    return tuple(map(str, part.get("notes") or ()))


def there(drawings: Sequence[Drawing | None]) -> tuple[Drawing, ...]:
    """Those drawings for which there was anything to draw."""
    return tuple(one for one in drawings if one)
