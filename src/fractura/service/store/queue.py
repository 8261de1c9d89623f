"""The readings and, in the same rows, the queue of those still to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args
from uuid import uuid4

from sqlalchemy import Connection, Row, String, func, or_, select, tuple_

from fractura.findings import Reading
from fractura.service.store.audit import add_line
from fractura.service.store.deliveries import make_deliveries
from fractura.service.store.errors import (
    DiskFullError,
    ImageGoneError,
    QueueFullError,
    UnknownIdError,
)
from fractura.service.store.open import ServiceStore, insert_into, looking, writing
from fractura.service.store.tables import Moment, images, plain, readings

State = Literal["queued", "running", "done", "failed"]
ATTEMPTS = 5
"""A file that ends the process each time it is read is given up after so many times."""
GIVEN_UP = "CrashedError"
"""The ``type`` of that failure; the file may not be to blame, so whoever sends it again may."""
RETRY_AFTER = 10
"""Seconds after which one who met a full queue may ask again."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A reading that is wanted, in work or there.

    Attributes:
        sha256, frame, model: what is read by whom; these three are unique. ``frame`` counts
            from 1 and is None for files with one.
        is_dicom: whether results in DICOM can be made of it.
        result: the JSON of ``fractura detect``, its path None, once it is done.
        error: ``type`` and ``message``, if it failed.
        attempts: how often it was begun.
        image_kept: whether the image is still in the store.
    """

    id: str
    sha256: str
    frame: int | None
    model: str
    state: State
    is_dicom: bool
    result: dict[str, Any] | None
    error: dict[str, str] | None
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    image_kept: bool


def submit(
    store: ServiceStore, *, sha256: str, frame: int | None, model: str, is_dicom: bool, who: str
) -> tuple[QueueEntry, bool]:
    """Ask for a reading of an image that :meth:`Images.put` has just kept.

    Returns:
        The entry, and whether it is fresh. The same image, frame and model again give the entry
        that is there, done or failed as it may be; one that was :data:`GIVEN_UP` is queued anew.

    Raises:
        QueueFullError: too many wait.
        DiskFullError: the disk has too little space.
        ImageGoneError: the image is not in the store (retention may have taken it since it was
            put, if it was an old one); put it again.
    """
    with writing(store) as connection:
        hold_image(store, connection, sha256)
        submitted = enqueue(
            store, connection, sha256=sha256, frame=frame, model=model, is_dicom=is_dicom, who=who
        )
        add_line(connection, who, "submit", sha256, model)
    return submitted


def hold_image(store: ServiceStore, connection: Connection, sha256: str) -> None:
    """Lock an image until the transaction ends and note that it is there and was used now."""
    now = datetime.now(UTC)
    connection.execute(
        insert_into(connection, images)
        .values(sha256=sha256, kept=True, used_at=now)
        .on_conflict_do_update(index_elements=["sha256"], set_={"kept": True, "used_at": now})
    )
    if not store.images.has(sha256):
        raise ImageGoneError(f"the image {sha256} is not kept; send it again")


def enqueue(
    store: ServiceStore,
    connection: Connection,
    *,
    sha256: str,
    frame: int | None,
    model: str,
    is_dicom: bool,
    who: str,
) -> tuple[QueueEntry, bool]:
    """:func:`submit` within a transaction that holds the image."""
    found = _find(connection, sha256, frame, model)
    if found and not is_given_up(found.error):
        return found, False
    waiting = select(readings.c.id).where(readings.c.state == "queued").limit(store.limits.queued)
    if connection.scalar(select(func.count()).select_from(waiting.subquery())) == (
        store.limits.queued
    ):
        raise QueueFullError("too many readings wait already; try again later", RETRY_AFTER)
    if store.images.free_megabytes() < store.limits.free_megabytes:
        raise DiskFullError("the disk is almost full; nothing more is accepted")
    now = datetime.now(UTC)
    if found:
        connection.execute(
            readings.update()
            .where(readings.c.id == found.id)
            .values(state="queued", attempts=0, due_at=now, error=None, finished_at=None)
        )
        add_line(connection, who, "retry", sha256, model, detail=GIVEN_UP)
    else:
        connection.execute(
            readings.insert().values(
                id=uuid4().hex,
                sha256=sha256,
                frame=frame or 0,
                model=model,
                is_dicom=is_dicom,
                state="queued",
                attempts=0,
                due_at=now,
                created_at=now,
            )
        )
    fresh = _find(connection, sha256, frame, model)
    assert fresh is not None
    return fresh, True


def is_given_up(error: dict[str, str] | None) -> bool:
    """Whether an entry failed with :data:`GIVEN_UP`."""
    return error is not None and error["type"] == GIVEN_UP


def claim(store: ServiceStore, worker: str, lease_seconds: float) -> QueueEntry | None:
    """Take the oldest reading to do; it is this worker's until the lease ends.

    Those whose worker let the lease end are taken again, and failed after :data:`ATTEMPTS` times.
    """
    with writing(store) as connection:
        while True:
            now = datetime.now(UTC)
            row = connection.execute(
                select(readings.c.id, readings.c.attempts, readings.c.sha256, readings.c.model)
                .where(
                    readings.c.due_at.is_not(None),
                    or_(readings.c.state == "queued", readings.c.due_at <= now),
                )
                .order_by(readings.c.due_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return None
            if row.attempts < ATTEMPTS:
                connection.execute(
                    readings.update()
                    .where(readings.c.id == row.id)
                    .values(
                        state="running",
                        worker=worker,
                        attempts=row.attempts + 1,
                        due_at=now + timedelta(seconds=lease_seconds),
                    )
                )
                return _by_id(connection, row.id)
            error = {
                "type": GIVEN_UP,
                "message": f"the image: the service ended {ATTEMPTS} times while it was read",
            }
            connection.execute(
                readings.update()
                .where(readings.c.id == row.id)
                .values(state="failed", error=error, due_at=None, worker=None, finished_at=now)
            )
            add_line(connection, worker, "fail", row.sha256, row.model, detail=GIVEN_UP)


def extend(store: ServiceStore, entry: QueueEntry, worker: str, lease_seconds: float) -> bool:
    """Begin the lease anew. False if the entry is no longer this worker's."""
    due_at = datetime.now(UTC) + timedelta(seconds=lease_seconds)
    with writing(store) as connection:
        return _change(connection, entry, worker, due_at=due_at)


def release(store: ServiceStore, entry: QueueEntry, worker: str) -> None:
    """Give back what was not read; the attempt does not count."""
    with writing(store) as connection:
        _change(
            connection,
            entry,
            worker,
            state="queued",
            worker=None,
            due_at=entry.created_at,
            attempts=entry.attempts - 1,
        )


def finish(store: ServiceStore, entry: QueueEntry, worker: str, reading: Reading) -> bool:
    """Keep a reading, and make the deliveries of all instances that wait for it.

    Returns:
        False if the entry is no longer this worker's; then nothing was changed.
    """
    result = {**reading.as_dict(), "path": None}
    with writing(store) as connection:
        _touch(connection, entry)
        if not _end(connection, entry, worker, state="done", result=result):
            return False
        make_deliveries(connection, entry.id)
        add_line(connection, worker, "read", entry.sha256, entry.model, reading.decision)
    return True


def fail(
    store: ServiceStore, entry: QueueEntry, worker: str, failure_type: str, message: str
) -> bool:
    """Keep that an image cannot be read, and why.

    Returns:
        As :func:`finish`.
    """
    error = {"type": failure_type, "message": plain(message)}
    with writing(store) as connection:
        _touch(connection, entry)
        if not _end(connection, entry, worker, state="failed", error=error):
            return False
        add_line(connection, worker, "fail", entry.sha256, entry.model, detail=failure_type)
    return True


def entry(store: ServiceStore, id: str) -> QueueEntry:
    """The entry of an id.

    Raises:
        UnknownIdError: there is none.
    """
    with looking(store) as connection:
        return _by_id(connection, id)


def entries(
    store: ServiceStore, *, before: str | None, limit: int, state: State | None
) -> list[QueueEntry]:
    """The ``limit`` newest, or the next older than the one with the id ``before``.

    Raises:
        UnknownIdError: nothing has the id ``before``.
    """
    key = tuple_(readings.c.created_at, readings.c.id)
    query = _SELECTED.order_by(readings.c.created_at.desc(), readings.c.id.desc()).limit(limit)
    if state:
        query = query.where(readings.c.state == state)
    with looking(store) as connection:
        if before:
            last = _by_id(connection, before)
            query = query.where(key < tuple_(last.created_at, last.id, types=[Moment(), String()]))
        return [_entry(row) for row in connection.execute(query)]


def entries_of(connection: Connection, ids: Collection[str]) -> dict[str, QueueEntry]:
    """The entries of many ids."""
    rows = connection.execute(_SELECTED.where(readings.c.id.in_(ids)))
    return {row.id: _entry(row) for row in rows}


def find(store: ServiceStore, sha256: str, frame: int | None, model: str) -> QueueEntry | None:
    """The entry of an image, frame and model."""
    with looking(store) as connection:
        return _find(connection, sha256, frame, model)


def queue_length(store: ServiceStore) -> dict[State, int]:
    """How many entries are in each state."""
    query = select(readings.c.state, func.count().label("number")).group_by(readings.c.state)
    with looking(store) as connection:
        counts: dict[State, int] = {row.state: row.number for row in connection.execute(query)}
    return {state: counts.get(state, 0) for state in get_args(State)}


_SELECTED = select(readings, images.c.kept).join(images)


def _entry(row: Row[Any]) -> QueueEntry:
    return QueueEntry(
        id=row.id,
        sha256=row.sha256,
        frame=row.frame or None,
        model=row.model,
        state=row.state,
        is_dicom=row.is_dicom,
        result=row.result,
        error=row.error,
        attempts=row.attempts,
        created_at=row.created_at,
        finished_at=row.finished_at,
        image_kept=row.kept,
    )


def _by_id(connection: Connection, id: str) -> QueueEntry:
    row = connection.execute(_SELECTED.where(readings.c.id == id)).first()
    if row is None:
        raise UnknownIdError("there is no reading with this id")
    return _entry(row)


def _find(connection: Connection, sha256: str, frame: int | None, model: str) -> QueueEntry | None:
    row = connection.execute(
        _SELECTED.where(
            readings.c.sha256 == sha256,
            readings.c.frame == (frame or 0),
            readings.c.model == model,
        )
    ).first()
    return None if row is None else _entry(row)


def _touch(connection: Connection, entry: QueueEntry) -> None:
    """Lock the entry's image, as whoever changes its readings must before, and note its use."""
    connection.execute(
        images.update().where(images.c.sha256 == entry.sha256).values(used_at=datetime.now(UTC))
    )


def _end(connection: Connection, entry: QueueEntry, worker: str, **values: object) -> bool:
    now = datetime.now(UTC)
    return _change(connection, entry, worker, due_at=None, worker=None, finished_at=now, **values)


def _change(connection: Connection, entry: QueueEntry, holder: str, /, **values: object) -> bool:
    """Change an entry if it is still ``holder``'s; the count of attempts tells its leases apart."""
    changed = connection.execute(
        readings.update()
        .where(
            readings.c.id == entry.id,
            readings.c.state == "running",
            readings.c.worker == holder,
            readings.c.attempts == entry.attempts,
        )
        .values(**values)
    )
    return changed.rowcount == 1
