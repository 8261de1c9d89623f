"""Whether the service lives, whether it can work, and its figures."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from fractura.service.rest.context import Reads, Shared, as_json
from fractura.service.rest.documents import HealthDocument
from fractura.service.rest.problems import SECONDS_TO_RETRY, problem
from fractura.service.store.queue import queue_length

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Alive", operation_id="alive", response_model=HealthDocument)
async def alive() -> Response:
    """The process answers."""
    return as_json({"status": "ok"})


@router.get("/readyz", summary="Ready", operation_id="ready", response_model=HealthDocument)
def ready(shared: Shared) -> Response:
    """The database answers and the threads of the process live; 503 otherwise."""
    process = shared.process
    if process.stopping.is_set() or not all(thread.is_alive() for thread in process.threads):
        return problem(503, headers={"Retry-After": str(SECONDS_TO_RETRY)})
    queue_length(process.store)
    return as_json({"status": "ok"})


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    operation_id="metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Text format of Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
)
def metrics(who: Reads, shared: Shared) -> Response:
    """Counters of this process. Role: read."""
    text = generate_latest(shared.process.metrics.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
