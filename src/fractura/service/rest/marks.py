"""What people say of readings: agree, disagree, a fracture was missed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response, StreamingResponse

from fractura.findings import Box
from fractura.service.render.marks import marks_manifest
from fractura.service.rest.context import PathId, Reads, Shared, Submits, as_json
from fractura.service.rest.documents import ID, MarkDocument, MarkList, NewMark, moment
from fractura.service.rest.problems import declared
from fractura.service.store.audit import audit
from fractura.service.store.marks import Mark, add_mark, all_marks, delete_mark, marks
from fractura.service.store.queue import entry

router = APIRouter(prefix="/v1", tags=["marks"])
_LINES = "application/jsonl"


@router.post(
    "/readings/{id}/marks",
    summary="Mark a reading",
    operation_id="mark",
    status_code=201,
    response_model=MarkDocument,
    responses=declared(409),
)
def add(id: PathId, mark: NewMark, who: Submits, shared: Shared) -> Response:
    """Say what you think of a reading that is done; a box lies in its image. Role: submit."""
    store = shared.process.store
    found = entry(store, id)
    if found.state != "done" or found.result is None:
        raise HTTPException(409, f"The reading is {found.state}; this needs one that is done.")
    width, height = found.result["width"], found.result["height"]
    if mark.box and (mark.box[2] > width or mark.box[3] > height):
        raise HTTPException(422, f"The box is not in the image of {width} x {height} pixels.")
    box = Box(*mark.box) if mark.box else None
    made = add_mark(store, id, kind=mark.kind, box=box, note=mark.note, who=who)
    return as_json(_document(made), 201)


@router.get(
    "/readings/{id}/marks",
    summary="Marks of a reading",
    operation_id="marks",
    response_model=MarkList,
)
def listed(id: PathId, who: Reads, shared: Shared) -> Response:
    """Oldest first. Role: read."""
    store = shared.process.store
    entry(store, id)
    return as_json({"marks": [_document(mark) for mark in marks(store, id)]})


@router.get(
    "/marks/manifest.jsonl",
    summary="All marks, for retraining",
    operation_id="manifest",
    response_class=Response,
    responses={
        200: {
            "description": "One record a line, as fractura reads manifests.",
            "content": {_LINES: {"schema": {"type": "string", "contentMediaType": _LINES}}},
        }
    },
)
def manifest(who: Reads, shared: Shared) -> Response:
    """Every marked reading as a record of a data set. Role: read."""
    lines = marks_manifest(all_marks(shared.process.store))
    headers = {"Content-Disposition": 'attachment; filename="marks.jsonl"'}
    return StreamingResponse(lines, headers=headers, media_type=_LINES)


class _Id(Convertor[str]):
    """So that the other addresses below ``/marks`` are no ids."""

    regex = ID.strip("^$")

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", _Id())


@router.delete("/marks/{id:id}", summary="Take a mark back", operation_id="unmark", status_code=204)
def delete(id: PathId, who: Submits, shared: Shared) -> Response:
    """Delete a mark. Role: submit."""
    delete_mark(shared.process.store, id)
    audit(shared.process.store, who=who, action="unmark")
    return Response(status_code=204)


def _document(mark: Mark) -> dict[str, Any]:
    return {
        "id": mark.id,
        "reading_id": mark.reading_id,
        "kind": mark.kind,
        "box": mark.box and mark.box.as_list(),
        "note": mark.note,
        "who": mark.who,
        "created_at": moment(mark.created_at),
    }
