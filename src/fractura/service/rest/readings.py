"""``/v1/readings``: send radiographs, get what the model says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from fractura.service.process import Process, wait_for
from fractura.service.rest.context import PathId, Reads, Shared, Submits, as_json
from fractura.service.rest.documents import (
    ID,
    JobDocument,
    ReadingDocument,
    ReadingList,
    reading_document,
)
from fractura.service.rest.jobs import job_document
from fractura.service.rest.problems import declared, problem
from fractura.service.rest.uploads import BODY, Upload, uploads
from fractura.service.store.errors import ImageGoneError, StoreError
from fractura.service.store.jobs import JobItem, open_job
from fractura.service.store.queue import QueueEntry, State, entries, entry, submit

router = APIRouter(prefix="/v1/readings", tags=["readings"])
_LARGEST_FRAME = 2**31 - 1
_LOCATION = {
    "Location": {
        "description": "Where the answer will be.",
        "schema": {"type": "string", "format": "uri-reference"},
    }
}


def _links() -> dict[str, Any]:
    """What can be asked of a reading, for the OpenAPI document."""
    return {
        name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
        for name in ("reading", "findings", "display", "pixels", "overlay", "mark", "marks")
    }


@router.post(
    "",
    summary="Send radiographs",
    operation_id="send",
    openapi_extra={"requestBody": BODY},
    response_model=ReadingDocument,
    responses={
        200: {"description": "The reading.", "links": _links()},
        202: {
            "model": ReadingDocument | JobDocument,
            "description": "Accepted: the reading of one file that still waits, or a job.",
            "headers": _LOCATION,
        },
        **declared(415, 507),
    },
)
async def send(
    request: Request,
    who: Submits,
    shared: Shared,
    frame: Annotated[
        int | None,
        Query(ge=1, le=_LARGEST_FRAME, description="Of files with several, counted from 1."),
    ] = None,
) -> Response:
    """Send one file and wait for its reading, or several and get a job. Role: submit.

    The same image again gives the reading that is there. An image that cannot be read gives 422
    where it comes alone, else the error stands in the job.
    """
    process = shared.process
    limits = process.settings.limits
    async with uploads(request, limits.files) as files:
        if len(files) == 1:
            taken = await shared.pool.run(partial(_take, process, files[0], frame, who))
        else:
            items = [
                await shared.pool.run(partial(_take_item, process, file, frame, who))
                for file in files
            ]
            return await to_thread.run_sync(_answer_many, process, items, who)
    waiting = partial(wait_for, process, taken.id, limits.deadline_seconds)
    if taken.state in ("queued", "running"):
        taken = await to_thread.run_sync(waiting, limiter=shared.waiters, abandon_on_cancel=True)
    return _answer_one(taken)


def _take(process: Process, upload: Upload, frame: int | None, who: str) -> QueueEntry:
    """Keep a file and ask for its reading."""
    upload.file.seek(0)
    data = upload.file.read()
    is_dicom = data[128:132] == b"DICM"
    keep = partial(
        submit, process.store, frame=frame, model=process.model, is_dicom=is_dicom, who=who
    )
    try:
        return keep(sha256=process.store.images.put(data))[0]
    except ImageGoneError:  # retention was between the two
        return keep(sha256=process.store.images.put(data))[0]


@dataclass(frozen=True)
class _Taken:
    item: JobItem
    error: StoreError | None


def _take_item(process: Process, upload: Upload, frame: int | None, who: str) -> _Taken:
    try:
        taken = _take(process, upload, frame, who)
    except StoreError as error:
        told = {"type": type(error).__name__, "message": "the image was not taken; send it again"}
        return _Taken(JobItem(upload.name, None, told), error)
    return _Taken(JobItem(upload.name, taken.id, None), None)


def _answer_many(process: Process, items: list[_Taken], who: str) -> Response:
    for first in items[:1]:
        if first.error and all(taken.error for taken in items):
            raise first.error
    job = open_job(process.store, [taken.item for taken in items], who)
    process.readers.work.set()
    return as_json(job_document(job), 202, Location=f"/v1/jobs/{job.id}")


def _answer_one(taken: QueueEntry) -> Response:
    if taken.state == "failed":
        error = taken.error or {}
        return problem(422, error.get("message", ""), error=error.get("type", ""), reading=taken.id)
    if taken.state == "done":
        return as_json(reading_document(taken))
    address = f"/v1/readings/{taken.id}"
    return as_json(reading_document(taken), 202, Location=address, Retry_After="1")


@router.get("", summary="Readings, newest first", operation_id="list", response_model=ReadingList)
def listed(
    who: Reads,
    shared: Shared,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    before: Annotated[
        str | None, Query(pattern=ID, description="The id from which on older ones are given.")
    ] = None,
    state: State | None = None,
) -> Response:
    """The newest readings, or those older than one. Role: read."""
    found = entries(shared.process.store, before=before, limit=limit, state=state)
    following = found[-1].id if len(found) == limit else None
    return as_json({"readings": [reading_document(item) for item in found], "next": following})


@router.get("/{id}", summary="One reading", operation_id="reading", response_model=ReadingDocument)
def one(id: PathId, who: Reads, shared: Shared) -> Response:
    """A reading, done or not. Role: read."""
    return as_json(reading_document(entry(shared.process.store, id)))
