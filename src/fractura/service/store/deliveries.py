"""What is to be sent where: one row a DICOM object, model, destination and kind of result."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, select, text

from fractura.service.settings import ResultKind
from fractura.service.store.open import ServiceStore, insert_into, looking, writing
from fractura.service.store.tables import deliveries, instances

DeliveryState = Literal["waiting", "sent", "dead"]
_CLAIM_LOCK = 0x66726164


@dataclass(frozen=True, slots=True)
class Delivery:
    """One result on its way.

    Attributes:
        attempts: begun so far, the present one among them.
        next_try_at: while it is being sent, when it may be claimed again.
        error: why it failed last.
    """

    id: str
    reading_id: str
    sop_instance_uid: str
    destination: str
    kind: ResultKind
    attempts: int
    state: DeliveryState
    next_try_at: datetime
    error: str | None


_SELECTED = select(*(deliveries.c[field.name] for field in fields(Delivery)))


def make_deliveries(connection: Connection, reading_id: str) -> None:
    """Make those of all instances that wait for a reading; whoever calls holds its image."""
    now = datetime.now(UTC)
    waiting = select(
        instances.c.sop_instance_uid, instances.c.model, instances.c.destinations
    ).where(instances.c.reading_id == reading_id)
    rows = [
        {
            "id": uuid4().hex,
            "reading_id": reading_id,
            "sop_instance_uid": instance.sop_instance_uid,
            "model": instance.model,
            "destination": destination,
            "kind": kind,
            "state": "waiting",
            "attempts": 0,
            "next_try_at": now,
        }
        for instance in connection.execute(waiting)
        for destination, kind in instance.destinations
    ]
    if rows:
        connection.execute(insert_into(connection, deliveries).on_conflict_do_nothing(), rows)


def claim_deliveries(
    store: ServiceStore,
    worker: str,
    lease_seconds: float,
    limit: int,
    *,
    destination: str | None = None,
) -> list[Delivery]:
    """Take at most ``limit`` that are due, all of one reading for one destination, oldest first.

    They can be claimed again when the lease ends. ``destination`` takes those for one only.
    """
    now = datetime.now(UTC)
    due = [deliveries.c.state == "waiting", deliveries.c.next_try_at <= now]
    if destination is not None:
        due.append(deliveries.c.destination == destination)
    with writing(store) as connection:
        if connection.dialect.name == "postgresql":
            # One at a time, so that two workers do not share out what goes together.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})"))
        first = connection.execute(
            select(deliveries.c.reading_id, deliveries.c.destination)
            .where(*due)
            .order_by(deliveries.c.next_try_at)
            .limit(1)
        ).first()
        if first is None:
            return []
        ids = connection.scalars(
            select(deliveries.c.id)
            .where(
                *due,
                deliveries.c.reading_id == first.reading_id,
                deliveries.c.destination == first.destination,
            )
            .order_by(deliveries.c.kind)
            .limit(limit)
            .with_for_update()
        ).all()
        connection.execute(
            deliveries.update()
            .where(deliveries.c.id.in_(ids))
            .values(
                worker=worker,
                attempts=deliveries.c.attempts + 1,
                next_try_at=now + timedelta(seconds=lease_seconds),
            )
        )
        query = _SELECTED.where(deliveries.c.id.in_(ids))
        return [Delivery(*row) for row in connection.execute(query)]


def delivered(store: ServiceStore, delivery: Delivery) -> None:
    """It has arrived."""
    with writing(store) as connection:
        connection.execute(
            deliveries.update()
            .where(deliveries.c.id == delivery.id)
            .values(state="sent", settled_at=datetime.now(UTC), error=None)
        )


def postpone(store: ServiceStore, delivery: Delivery, error: str, next_try_at: datetime) -> None:
    """It did not arrive and is to be tried again; nothing if another claimed it since."""
    _change(store, delivery, error=error, next_try_at=next_try_at)


def bury(store: ServiceStore, delivery: Delivery, error: str) -> None:
    """It did not arrive and is not tried again by itself; nothing if another claimed it since."""
    _change(store, delivery, error=error, state="dead")


def retry_dead(store: ServiceStore, destination: str | None = None) -> int:
    """Let the dead letters, of one destination or all, wait again; return how many."""
    revive = (
        deliveries.update()
        .where(deliveries.c.state == "dead")
        .values(state="waiting", attempts=0, next_try_at=datetime.now(UTC))
    )
    if destination is not None:
        revive = revive.where(deliveries.c.destination == destination)
    with writing(store) as connection:
        return connection.execute(revive).rowcount


def dead_letters(store: ServiceStore) -> list[Delivery]:
    """What did not arrive, oldest first."""
    query = _SELECTED.where(deliveries.c.state == "dead").order_by(deliveries.c.next_try_at)
    with looking(store) as connection:
        return [Delivery(*row) for row in connection.execute(query)]


def deliveries_of(store: ServiceStore, reading_id: str) -> list[Delivery]:
    """All deliveries of a reading; none where the id is unknown."""
    query = _SELECTED.where(deliveries.c.reading_id == reading_id).order_by(
        deliveries.c.destination, deliveries.c.kind
    )
    with looking(store) as connection:
        return [Delivery(*row) for row in connection.execute(query)]


def _change(store: ServiceStore, delivery: Delivery, **values: object) -> None:
    """Change a delivery unless its lease ended; the count of attempts tells the leases apart."""
    with writing(store) as connection:
        connection.execute(
            deliveries.update()
            .where(
                deliveries.c.id == delivery.id,
                deliveries.c.state == "waiting",
                deliveries.c.attempts == delivery.attempts,
            )
            .values(**values)
        )
