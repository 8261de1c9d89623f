"""What people say of readings: agree, disagree, a fracture was missed here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Row, delete, insert, select

from fractura.findings import Box
from fractura.service.store import tables
from fractura.service.store.audit import add_line
from fractura.service.store.errors import UnknownIdError
from fractura.service.store.open import ServiceStore, looking, writing
from fractura.service.store.queue import QueueEntry, entries_of, entry

MarkKind = Literal["agree", "disagree", "missed"]
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Mark:
    """A person's mark on a reading, with a box or without."""

    id: str
    reading_id: str
    kind: MarkKind
    box: Box | None
    note: str
    who: str
    created_at: datetime


def add_mark(
    store: ServiceStore, reading_id: str, *, kind: MarkKind, box: Box | None, note: str, who: str
) -> Mark:
    """Keep a mark.

    Raises:
        UnknownIdError: there is no such reading.
    """
    marked = entry(store, reading_id)
    id = uuid4().hex
    with writing(store) as connection:
        connection.execute(
            insert(tables.marks).values(
                id=id,
                reading_id=reading_id,
                kind=kind,
                box=box and box.as_list(),
                note=note,
                who=who,
                created_at=datetime.now(UTC),
            )
        )
        add_line(connection, who, "mark", marked.sha256, marked.model, detail=kind)
        return _mark(connection.execute(select(tables.marks).where(tables.marks.c.id == id)).one())


def marks(store: ServiceStore, reading_id: str) -> list[Mark]:
    """The marks on a reading, oldest first."""
    query = (
        select(tables.marks)
        .where(tables.marks.c.reading_id == reading_id)
        .order_by(tables.marks.c.created_at, tables.marks.c.id)
    )
    with looking(store) as connection:
        return [_mark(row) for row in connection.execute(query)]


def all_marks(store: ServiceStore) -> Iterator[tuple[QueueEntry, list[Mark]]]:
    """Every marked reading with its marks, ordered by the readings' ids; read page by page."""
    after = ""
    while True:
        with looking(store) as connection:
            ids = connection.scalars(
                select(tables.marks.c.reading_id)
                .where(tables.marks.c.reading_id > after)
                .distinct()
                .order_by(tables.marks.c.reading_id)
                .limit(_PAGE)
            ).all()
            if not ids:
                return
            found = entries_of(connection, ids)
            query = (
                select(tables.marks)
                .where(tables.marks.c.reading_id.in_(ids))
                .order_by(tables.marks.c.reading_id, tables.marks.c.created_at, tables.marks.c.id)
            )
            page = [_mark(row) for row in connection.execute(query)]
        for reading_id, group in groupby(page, attrgetter("reading_id")):
            yield found[reading_id], list(group)
        after = ids[-1]


def delete_mark(store: ServiceStore, id: str) -> None:
    """Take a mark away.

    Raises:
        UnknownIdError: there is none with this id.
    """
    with writing(store) as connection:
        gone = connection.execute(delete(tables.marks).where(tables.marks.c.id == id))
        if gone.rowcount == 0:
            raise UnknownIdError("there is no mark with this id")


def _mark(row: Row[Any]) -> Mark:
    return Mark(**{**row._mapping, "box": row.box and Box(*row.box)})
