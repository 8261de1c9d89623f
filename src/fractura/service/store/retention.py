"""Images go when their time is over; readings, marks and the audit stay."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import ColumnElement, and_, exists, or_, select

from fractura.service.store.open import ServiceStore, insert_into, looking, writing
from fractura.service.store.tables import deliveries, images, job_items, jobs, readings

STRAY_AFTER = timedelta(hours=1)
"""How long after it was put an image nobody submitted is taken for one of a killed process."""

_PAGE = 500


def sweep(store: ServiceStore, now: datetime) -> int:
    """Delete the images that are older than ``keeping.image_hours`` and needed no more.

    Needed are those of which a reading is not finished or a delivery has not arrived, dead letters
    too. The time runs from the last submission, reading or delivery. Then the names of the files
    go from the jobs.

    Returns:
        How many images were deleted.

    Raises:
        StoreError: the database or the image store does not answer; go on later.
    """
    _adopt_strays(store, now - STRAY_AFTER)
    old = now - timedelta(hours=store.keeping.image_hours)
    with looking(store) as connection:
        found = connection.scalars(select(images.c.sha256).where(_is_needless(old))).all()
    deleted = sum(_delete(store, sha256, old) for sha256 in found)
    _forget_names(store, old)
    return deleted


def _adopt_strays(store: ServiceStore, before: datetime) -> None:
    """Enter in the table what was put but, because of a kill or a refusal, never submitted."""
    found = iter(store.images.put_before(before))
    while page := dict(islice(found, _PAGE)):
        query = select(images.c.sha256).where(images.c.sha256.in_(page), images.c.kept)
        with looking(store) as connection:
            known = set(connection.scalars(query))
        for sha256 in page.keys() - known:
            row = {"kept": True, "used_at": page[sha256]}
            with writing(store) as connection:
                connection.execute(
                    insert_into(connection, images)
                    .values(sha256=sha256, **row)
                    .on_conflict_do_update(
                        index_elements=["sha256"], set_=row, where=images.c.kept.is_(False)
                    )
                )


def _is_needless(old: datetime) -> ColumnElement[bool]:
    unfinished = exists().where(
        readings.c.sha256 == images.c.sha256, readings.c.state.in_(("queued", "running"))
    )
    undelivered = exists().where(
        readings.c.sha256 == images.c.sha256,
        deliveries.c.reading_id == readings.c.id,
        or_(deliveries.c.state != "sent", deliveries.c.settled_at > old),
    )
    return and_(images.c.kept, images.c.used_at <= old, ~unfinished, ~undelivered)


def _delete(store: ServiceStore, sha256: str, old: datetime) -> bool:
    """Delete the file while its row is held, so that whoever submits it meanwhile waits."""
    with writing(store) as connection:
        connection.execute(
            select(images.c.sha256).where(images.c.sha256 == sha256).with_for_update()
        )
        # A second query, which sees what others had done when they let go of the row.
        gone = connection.execute(
            images.update().where(images.c.sha256 == sha256, _is_needless(old)).values(kept=False)
        )
        if gone.rowcount:
            store.images.delete(sha256)
    return gone.rowcount == 1


def _forget_names(store: ServiceStore, old: datetime) -> None:
    kept = exists().where(
        readings.c.id == job_items.c.reading_id,
        readings.c.sha256 == images.c.sha256,
        images.c.kept,
    )
    refused_lately = exists().where(
        job_items.c.reading_id.is_(None), jobs.c.id == job_items.c.job_id, jobs.c.created_at > old
    )
    with writing(store) as connection:
        connection.execute(
            job_items.update()
            .where(job_items.c.name.is_not(None), ~kept, ~refused_lately)
            .values(name=None)
        )
