"""``/v1/jobs``: several files that were sent together."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from fractura.service.rest.context import PathId, Reads, Shared, as_json
from fractura.service.rest.documents import JobDocument, moment, reading_document
from fractura.service.store.jobs import Job, JobItem, job
from fractura.service.store.queue import QueueEntry

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("/{id}", summary="A job", operation_id="job", response_model=JobDocument)
def one(id: PathId, who: Reads, shared: Shared) -> Response:
    """What became of files that were sent together, in their order. Role: read."""
    return as_json(job_document(job(shared.process.store, id)))


def job_document(found: Job) -> dict[str, Any]:
    """A :class:`JobDocument` as plain values."""
    return {
        "id": found.id,
        "state": found.state,
        "created_at": moment(found.created_at),
        "items": [_item(item, found.entries.get(item.reading_id or "")) for item in found.items],
    }


def _item(item: JobItem, entry: QueueEntry | None) -> dict[str, Any]:
    return {
        "name": item.name,
        "reading": entry and reading_document(entry),
        "error": item.error or (entry and entry.error),
    }
