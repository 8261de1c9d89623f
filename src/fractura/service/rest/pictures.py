"""What is made of a reading's image: pictures, pixels, the report, results in DICOM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from fractura.findings import Reading
from fractura.imaging.load import load_bytes
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.stored import stored_pixels
from fractura.service.process import Process
from fractura.service.render.dicom import dicom_result
from fractura.service.render.pictures import (
    enhanced_png,
    heatmap_png,
    overlay_png,
    thumbnail_jpeg,
)
from fractura.service.render.report import report_pdf
from fractura.service.rest.context import Context, PathId, Reads, Shared, as_json
from fractura.service.rest.documents import DisplayDocument, FindingList
from fractura.service.rest.problems import declared
from fractura.service.settings import ResultKind
from fractura.service.store.errors import ImageGoneError
from fractura.service.store.marks import marks
from fractura.service.store.queue import QueueEntry, entry

router = APIRouter(prefix="/v1/readings/{id}", tags=["pictures"], responses=declared(409, 410))


def _gives(media_type: str, description: str) -> dict[str, Any]:
    """Arguments of a route whose answer is no JSON."""
    schema = {"type": "string", "contentMediaType": media_type}
    content = {media_type: {"schema": schema}}
    return {
        "response_class": Response,
        "responses": {200: {"description": description, "content": content}},
    }


def _load(process: Process, id: str) -> tuple[QueueEntry, bytes]:
    """A reading that is done, and its image.

    Raises:
        UnknownIdError: there is no such reading.
        HTTPException: 409, it is not done.
        ImageGoneError: the image is no longer kept.
    """
    found = entry(process.store, id)
    if found.state != "done":
        raise HTTPException(409, f"The reading is {found.state}; this needs one that is done.")
    if not found.image_kept:
        raise ImageGoneError("the image is no longer kept")
    return found, process.store.images.get(found.sha256)


def _of_this_model(process: Process, found: QueueEntry) -> Reading:
    """The reading as it is kept.

    Raises:
        HTTPException: 409, another model has read, of which nothing more is known here.
    """
    if found.model != process.model or found.result is None:
        raise HTTPException(409, f"{found.model} has read; this service has {process.model}.")
    return Reading.from_dict(found.result)


def _with_heatmap(process: Process, radiograph: Radiograph, reading: Reading) -> Reading:
    return replace(reading, heatmap=process.reader.read(radiograph, heatmap=True).heatmap)


async def _made(
    shared: Context, media_type: str, make: Callable[[], bytes], name: str | None = None
) -> Response:
    content = await shared.pool.run(make)
    disposition = f'attachment; filename="{name}"' if name else "inline"
    return Response(content, 200, {"Content-Disposition": disposition}, media_type)


@router.get("/overlay.png", operation_id="overlay", **_gives("image/png", "The marked radiograph."))
async def overlay(id: PathId, who: Reads, shared: Shared, heatmap: bool = False) -> Response:
    """The radiograph with boxes and scores, and the heatmap if wanted. Role: read."""
    return await _made(shared, "image/png", partial(_overlay, shared.process, id, heatmap))


def _overlay(process: Process, id: str, heatmap: bool) -> bytes:
    found, data = _load(process, id)
    radiograph = load_bytes(data, frame=found.frame)
    reading = _of_this_model(process, found)
    if heatmap:
        reading = _with_heatmap(process, radiograph, reading)
    points = process.reader.description.operating_points
    return overlay_png(radiograph, reading, points, heatmap=heatmap)


@router.get(
    "/heatmap.png",
    operation_id="heatmap",
    **_gives("image/png", "RGBA of the image's size, transparent where cold."),
)
async def heatmap(id: PathId, who: Reads, shared: Shared) -> Response:
    """Where the model saw evidence. Role: read."""
    return await _made(shared, "image/png", partial(_heatmap, shared.process, id))


def _heatmap(process: Process, id: str) -> bytes:
    found, data = _load(process, id)
    radiograph = load_bytes(data, frame=found.frame)
    return heatmap_png(_with_heatmap(process, radiograph, _of_this_model(process, found)))


@router.get(
    "/enhanced.png", operation_id="enhanced", **_gives("image/png", "8-bit grey, after CLAHE.")
)
async def enhanced(id: PathId, who: Reads, shared: Shared) -> Response:
    """The radiograph with more contrast. Role: read."""
    return await _made(shared, "image/png", partial(_picture, shared.process, id, enhanced_png))


@router.get(
    "/thumbnail.jpg",
    operation_id="thumbnail",
    **_gives("image/jpeg", "192 pixels on the longer side."),
)
async def thumbnail(id: PathId, who: Reads, shared: Shared) -> Response:
    """A small picture for lists. Role: read."""
    return await _made(shared, "image/jpeg", partial(_picture, shared.process, id, thumbnail_jpeg))


def _picture(process: Process, id: str, make: Callable[[Radiograph], bytes]) -> bytes:
    found, data = _load(process, id)
    return make(load_bytes(data, frame=found.frame))


@router.get("/report.pdf", operation_id="report", **_gives("application/pdf", "The report."))
async def report(id: PathId, who: Reads, shared: Shared) -> Response:
    """A page to print: picture, findings, marks, what the model is. Role: read."""
    make = partial(_report, shared, id)
    return await _made(shared, "application/pdf", make, f"{id}.pdf")


def _report(shared: Context, id: str) -> bytes:
    process = shared.process
    found, data = _load(process, id)
    reading = _of_this_model(process, found)
    radiograph = load_bytes(data, frame=found.frame)
    assert found.finished_at is not None
    return report_pdf(
        radiograph,
        _with_heatmap(process, radiograph, reading),
        id,
        found.finished_at,
        points=process.reader.description.operating_points,
        model_sha256=shared.model_sha256,
        marks=marks(process.store, id),
    )


def _add_dicom(kind: ResultKind, description: str) -> None:
    async def result(id: PathId, who: Reads, shared: Shared) -> Response:
        make = partial(_dicom, shared.process, id, kind)
        return await _made(shared, "application/dicom", make, f"{id}-{kind}.dcm")

    result.__doc__ = f"{description}; 409 where the image was no DICOM radiograph. Role: read."
    router.get(
        f"/{kind}.dcm",
        summary=description,
        operation_id=kind,
        **_gives("application/dicom", description),
    )(result)


def _dicom(process: Process, id: str, kind: ResultKind) -> bytes:
    found, data = _load(process, id)
    if not found.is_dicom:
        raise HTTPException(409, "The image is no DICOM file; no result can refer to it.")
    assert found.finished_at is not None
    reading = _of_this_model(process, found)
    return dicom_result(data, found.frame, process.reader, reading, found.finished_at, kind)


_add_dicom("sr", "Structured report (TID 1500)")
_add_dicom("gsps", "Grayscale presentation state")
_add_dicom("sc", "Secondary capture")


@router.get(
    "/findings",
    summary="All findings",
    operation_id="findings",
    response_model=FindingList,
)
async def findings(
    id: PathId,
    who: Reads,
    shared: Shared,
    minimum: Annotated[float, Query(ge=0.001, le=1, description="Smallest score.")] = 0.001,
) -> Response:
    """All boxes down to a score, whatever the decision. Role: read."""
    reading = await shared.pool.run(partial(_all_findings, shared.process, id))
    listed = [item.as_dict() for item in reading.findings if item.score >= minimum]
    points = asdict(shared.process.reader.description.operating_points)
    return as_json({"findings": listed, "operating_points": points})


def _all_findings(process: Process, id: str) -> Reading:
    found, data = _load(process, id)
    _of_this_model(process, found)
    return process.reader.read(load_bytes(data, frame=found.frame), all_findings=True)


@router.get(
    "/display",
    summary="How to show the pixels",
    operation_id="display",
    response_model=DisplayDocument,
)
async def display(id: PathId, who: Reads, shared: Shared) -> Response:
    """Size, depth, window and spacing of what ``pixels`` gives. Role: read."""
    return as_json(await shared.pool.run(partial(_display, shared.process, id)))


def _display(process: Process, id: str) -> dict[str, Any]:
    found, data = _load(process, id)
    stored = stored_pixels(data, found.frame)
    rows, columns = stored.values.shape
    return {
        "rows": rows,
        "columns": columns,
        "bits": stored.bits,
        "minimum": int(stored.values.min()),
        "maximum": int(stored.values.max()),
        "slope": stored.slope,
        "intercept": stored.intercept,
        "window": {"center": stored.window_center, "width": stored.window_width},
        "invert": stored.invert,
        "spacing_mm": stored.spacing_mm and list(stored.spacing_mm),
    }


@router.get(
    "/pixels",
    summary="Pixels at full depth",
    operation_id="pixels",
    **_gives("application/octet-stream", "uint16, little-endian, row by row."),
)
async def pixels(id: PathId, who: Reads, shared: Shared) -> Response:
    """The stored values; ``display`` says what they mean. Role: read."""
    return await _made(shared, "application/octet-stream", partial(_pixels, shared.process, id))


def _pixels(process: Process, id: str) -> bytes:
    found, data = _load(process, id)
    return stored_pixels(data, found.frame).values.astype("<u2").tobytes()
