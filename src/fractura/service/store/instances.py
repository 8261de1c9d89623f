"""DICOM objects that came by C-STORE or from an archive."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, select

from fractura.service.settings import ResultKind
from fractura.service.store.audit import add_line
from fractura.service.store.deliveries import make_deliveries
from fractura.service.store.open import ServiceStore, insert_into, looking, writing
from fractura.service.store.queue import enqueue, hold_image, is_given_up
from fractura.service.store.tables import instances, readings


def accept_instance(
    store: ServiceStore,
    *,
    sop_instance_uid: str,
    study_uid: str,
    series_uid: str,
    sha256: str,
    model: str,
    origin: str,
    destinations: tuple[tuple[str, ResultKind], ...],
    read: bool,
    reason: str,
) -> bool:
    """Take on an object whose image :meth:`Images.put` has just kept.

    What is to be read is queued; where the reading is done already its deliveries are made at
    once, else when it is done. All of it happens or, with an error, nothing.

    Args:
        sop_instance_uid, study_uid, series_uid: which object it is (PS3.3, C.12.1).
        sha256: its image; need not be kept if it is not to be read.
        model: which is to read it.
        origin: where it came from, for the audit.
        destinations: names of destinations and kinds of results to send there.
        read: whether it is to be read, and ``reason``, why or why not.

    Returns:
        Whether it is new. The same object and model again change nothing, unless their reading
        was given up: then it is queued anew.

    Raises:
        QueueFullError, DiskFullError, ImageGoneError: as ``submit``.
    """
    row = {
        "sop_instance_uid": sop_instance_uid,
        "model": model,
        "study_uid": study_uid,
        "series_uid": series_uid,
        "sha256": sha256,
        "origin": origin,
        "destinations": destinations if read else (),
        "reason": reason,
        "created_at": datetime.now(UTC),
    }
    with writing(store) as connection:
        inserted = connection.execute(
            insert_into(connection, instances)
            .values(row)
            .on_conflict_do_nothing()
            .returning(instances.c.model)
        )
        is_new = inserted.first() is not None
        if not is_new and not (read and _is_given_up(connection, sop_instance_uid, model, sha256)):
            return False
        if read:
            hold_image(store, connection, sha256)
            entry, _ = enqueue(
                store,
                connection,
                sha256=sha256,
                frame=None,
                model=model,
                is_dicom=True,
                who=origin,
            )
            connection.execute(
                instances.update().where(*_is(sop_instance_uid, model)).values(reading_id=entry.id)
            )
            if entry.state == "done":
                make_deliveries(connection, entry.id)
        action = "submit" if read else "skip"
        add_line(connection, origin, action, sha256, model, detail=sop_instance_uid)
    return is_new


def has_instance(store: ServiceStore, sop_instance_uid: str, model: str) -> bool:
    """Whether the object was taken on for this model."""
    query = select(instances.c.model).where(*_is(sop_instance_uid, model))
    with looking(store) as connection:
        return connection.execute(query).first() is not None


def is_instance_given_up(
    store: ServiceStore, sop_instance_uid: str, model: str, sha256: str
) -> bool:
    """Whether the object, with just these bytes, was taken on and its reading given up."""
    with looking(store) as connection:
        return _is_given_up(connection, sop_instance_uid, model, sha256)


def _is_given_up(connection: Connection, sop_instance_uid: str, model: str, sha256: str) -> bool:
    query = select(readings.c.error).join(instances, instances.c.reading_id == readings.c.id)
    same = *_is(sop_instance_uid, model), instances.c.sha256 == sha256
    return is_given_up(connection.scalar(query.where(*same)))


def _is(sop_instance_uid: str, model: str) -> tuple[ColumnElement[bool], ...]:
    return instances.c.sop_instance_uid == sop_instance_uid, instances.c.model == model
