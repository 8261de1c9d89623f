"""The tables of the database."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; SQLite, which knows no time zones, gets it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """A moment with its time zone, as UTC without one."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment with UTC as its time zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text of strangers; what a database cannot hold (NUL, lone surrogates) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Text without what the database cannot hold."""
        return None if value is None else plain(value)


def plain(text: str) -> str:
    """``text`` with U+FFFD in place of NUL and lone surrogates, which databases refuse."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")


_ID = String(32)
_JSON = JSON(none_as_null=True)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

images = Table(
    "images",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("kept", Boolean, nullable=False),
    Column("used_at", Moment, nullable=False, index=True),
)
"""``used_at``: when it was last submitted or read. Whoever changes the readings or deliveries of an
image holds its row locked, so that these changes follow one another."""

readings = Table(
    "readings",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("sha256", ForeignKey(images.c.sha256), nullable=False),
    Column("frame", Integer, nullable=False),
    Column("model", PlainText, nullable=False),
    Column("is_dicom", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", _JSON),
    Column("error", _JSON),
    Column("attempts", Integer, nullable=False),
    Column("worker", PlainText),
    Column("due_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    UniqueConstraint("sha256", "frame", "model"),
    Index(None, "created_at", "id"),
    Index(None, "state", "created_at", "id"),
)
"""The readings and the queue. ``frame`` 0 is none. ``due_at`` orders the queue: when a queued one
came, when a running one's lease ends, NULL for what is finished."""
Index(
    "ix_readings_due_at",
    readings.c.due_at,
    sqlite_where=readings.c.due_at.is_not(None),
    postgresql_where=readings.c.due_at.is_not(None),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("who", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
)
job_items = Table(
    "job_items",
    metadata,
    Column("job_id", ForeignKey(jobs.c.id), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", PlainText),
    Column("reading_id", ForeignKey(readings.c.id), index=True),
    Column("error", _JSON),
)

instances = Table(
    "instances",
    metadata,
    Column("sop_instance_uid", PlainText, primary_key=True),
    Column("model", PlainText, primary_key=True),
    Column("study_uid", PlainText, nullable=False),
    Column("series_uid", PlainText, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("reading_id", ForeignKey(readings.c.id), index=True),
    Column("origin", PlainText, nullable=False),
    Column("destinations", _JSON, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
)
"""DICOM objects that came. ``reading_id`` is NULL where a rule says not to read."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("reading_id", ForeignKey(readings.c.id), nullable=False, index=True),
    Column("sop_instance_uid", PlainText, nullable=False),
    Column("model", PlainText, nullable=False),
    Column("destination", PlainText, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("worker", PlainText),
    Column("next_try_at", Moment, nullable=False),
    Column("settled_at", Moment),
    Column("error", PlainText),
    UniqueConstraint("sop_instance_uid", "model", "destination", "kind"),
    Index(None, "state", "destination", "next_try_at"),
)
"""``next_try_at`` is also when the lease of one that is being sent ends."""

marks = Table(
    "marks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("reading_id", ForeignKey(readings.c.id), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("box", _JSON),
    Column("note", PlainText, nullable=False),
    Column("who", PlainText, nullable=False),
    Column("created_at", Moment, nullable=False),
)

audit_lines = Table(
    "audit_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("who", PlainText, nullable=False),
    Column("action", PlainText, nullable=False),
    Column("sha256", String(64)),
    Column("model", PlainText),
    Column("decision", PlainText),
    Column("detail", PlainText),
)
