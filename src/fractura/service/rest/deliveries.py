"""``/v1/deliveries``: results that could not be delivered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from fractura.service.rest.context import Administers, Shared, as_json
from fractura.service.rest.documents import DeliveryList, RetryDocument, moment
from fractura.service.store.audit import audit
from fractura.service.store.deliveries import Delivery, dead_letters, retry_dead

router = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])


@router.get("", summary="Dead letters", operation_id="deliveries", response_model=DeliveryList)
def dead(who: Administers, shared: Shared, state: Literal["dead"] = "dead") -> Response:
    """Results that were given up after too many attempts. Role: admin."""
    found = dead_letters(shared.process.store)
    return as_json({"deliveries": [_document(item) for item in found]})


@router.post(
    "/retry", summary="Try dead letters again", operation_id="retry", response_model=RetryDocument
)
def retry(
    who: Administers,
    shared: Shared,
    destination: Annotated[str | None, Query(pattern="^[A-Za-z0-9._-]{1,64}$")] = None,
) -> Response:
    """Send the dead letters of one destination, or of all, again. Role: admin."""
    store = shared.process.store
    count = retry_dead(store, destination)
    audit(store, who=who, action="retry", detail=destination)
    return as_json({"retried": count})


def _document(item: Delivery) -> dict[str, Any]:
    return {
        "id": item.id,
        "reading_id": item.reading_id,
        "sop_instance_uid": item.sop_instance_uid,
        "destination": item.destination,
        "kind": item.kind,
        "state": item.state,
        "attempts": item.attempts,
        "next_try_at": moment(item.next_try_at),
        "error": item.error,
    }
