"""What the routes share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import CapacityLimiter
from fastapi import Depends, Path, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from fractura.service.process import Process
from fractura.service.rest.documents import ID
from fractura.service.rest.limits import Pool
from fractura.service.rest.security import needs

_SHOWN = 64


@dataclass(frozen=True, eq=False)
class Context:
    """What a route works with.

    Attributes:
        model_sha256: of the model's file.
        pool: threads for what takes a processor or much memory.
        waiters: how many threads may wait for readings.
    """

    process: Process
    model_sha256: str
    pool: Pool
    waiters: CapacityLimiter


async def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


async def only_known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: it may be a misspelt one.

    Raises:
        RequestValidationError: there is one.
    """
    route = request.scope["route"]
    known = {parameter.alias for parameter in route.dependant.query_params}
    unknown = [
        {"loc": ("query", name[:_SHOWN]), "msg": "There is no such parameter."}
        for name in request.query_params
        if name not in known
    ]
    if unknown:
        raise RequestValidationError(unknown)


Shared = Annotated[Context, Depends(_context)]
Reads = Annotated[str, Depends(needs("read"))]
Submits = Annotated[str, Depends(needs("submit"))]
Administers = Annotated[str, Depends(needs("admin"))]
PathId = Annotated[
    str,
    Path(pattern=ID, examples=["5f0c6f0e7a3b4c0d9d3f8b1a2c4e6f80"]),
]


def as_json(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON response; dashes in names of headers are written as underscores."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(json.dumps(value), status, named, "application/json")
