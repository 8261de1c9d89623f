"""Jobs: several images that came in one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import insert, select

from fractura.service.store.errors import UnknownIdError
from fractura.service.store.open import ServiceStore, looking, writing
from fractura.service.store.queue import QueueEntry, entries_of
from fractura.service.store.tables import job_items, jobs, plain


@dataclass(frozen=True, slots=True)
class JobItem:
    """One file of a request: its name, and its reading, or why there is none.

    Attributes:
        name: empty once the image is no longer kept.
        error: ``type`` and ``message`` of a file that was refused.
    """

    name: str
    reading_id: str | None
    error: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Job:
    """The files of a request in its order, with the entries of those that are read, by id."""

    id: str
    who: str
    created_at: datetime
    items: tuple[JobItem, ...]
    entries: Mapping[str, QueueEntry]

    @property
    def state(self) -> Literal["running", "done"]:
        """Done when each reading is done or failed."""
        ended = all(entry.state in ("done", "failed") for entry in self.entries.values())
        return "done" if ended else "running"


def open_job(store: ServiceStore, items: Sequence[JobItem], who: str) -> Job:
    """Keep a job of readings that were submitted."""
    id = uuid4().hex
    with writing(store) as connection:
        connection.execute(insert(jobs).values(id=id, who=who, created_at=datetime.now(UTC)))
        if items:
            connection.execute(
                insert(job_items),
                [
                    {
                        "job_id": id,
                        "position": position,
                        "name": item.name,
                        "reading_id": item.reading_id,
                        "error": item.error
                        and {key: plain(value) for key, value in item.error.items()},
                    }
                    for position, item in enumerate(items)
                ],
            )
    return job(store, id)


def job(store: ServiceStore, id: str) -> Job:
    """The job of an id.

    Raises:
        UnknownIdError: there is none.
    """
    with looking(store) as connection:
        row = connection.execute(select(jobs).where(jobs.c.id == id)).first()
        if row is None:
            raise UnknownIdError("there is no job with this id")
        query = select(job_items).where(job_items.c.job_id == id).order_by(job_items.c.position)
        items = tuple(
            JobItem(item.name or "", item.reading_id, item.error)
            for item in connection.execute(query)
        )
        entries = entries_of(connection, {item.reading_id for item in items if item.reading_id})
    return Job(row.id, row.who, row.created_at, items, entries)
