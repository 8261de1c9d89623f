"""Who did what, when, to which image, with which model and decision. It is never deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select

from fractura.service.store import tables
from fractura.service.store.open import ServiceStore, looking, writing


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line; ``id`` rises with time."""

    id: int
    at: datetime
    who: str
    action: str
    sha256: str | None
    model: str | None
    decision: str | None
    detail: str | None


def audit(
    store: ServiceStore,
    *,
    who: str,
    action: str,
    sha256: str | None = None,
    model: str | None = None,
    decision: str | None = None,
    detail: str | None = None,
) -> None:
    """Add a line. Nothing in it may be a patient's or a file's name."""
    with writing(store) as connection:
        add_line(connection, who, action, sha256, model, decision, detail)


def add_line(
    connection: Connection,
    who: str,
    action: str,
    sha256: str | None = None,
    model: str | None = None,
    decision: str | None = None,
    detail: str | None = None,
) -> None:
    """:func:`audit` within the transaction of what it tells of."""
    connection.execute(
        insert(tables.audit_lines).values(
            at=datetime.now(UTC),
            who=who,
            action=action,
            sha256=sha256,
            model=model,
            decision=decision,
            detail=detail,
        )
    )


def audit_lines(store: ServiceStore, since: datetime, limit: int) -> list[AuditLine]:
    """The first ``limit`` lines from ``since`` on, oldest first."""
    lines = tables.audit_lines
    query = select(lines).where(lines.c.at >= since).order_by(lines.c.id).limit(limit)
    with looking(store) as connection:
        return [AuditLine(*row) for row in connection.execute(query)]
