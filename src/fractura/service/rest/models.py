"""``/v1/models``: what reads."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from fractura.reading.model import ModelDescription
from fractura.service.rest.context import Reads, Shared, as_json
from fractura.service.rest.documents import ModelList

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", summary="The model", operation_id="models", response_model=ModelList)
def models(who: Reads, shared: Shared) -> Response:
    """Name, version, operating points and SHA-256 of the model that reads. Role: read."""
    description = shared.process.reader.description
    return as_json({"models": [_document(description, shared.model_sha256)]})


def _document(description: ModelDescription, sha256: str) -> dict[str, Any]:
    return {
        "name": description.name,
        "version": description.version,
        "task": description.task,
        "sha256": sha256,
        "operating_points": asdict(description.operating_points),
        "regions": list(description.regions),
    }
