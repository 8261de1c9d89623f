"""Errors as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from fractura.errors import FracturaError, LoadError
from fractura.service.store.errors import (
    DiskFullError,
    ImageGoneError,
    QueueFullError,
    StoreError,
    UnknownIdError,
)

MEDIA_TYPE = "application/problem+json"
SECONDS_TO_RETRY = 5
_DETAILS = {
    400: "The request cannot be understood.",
    401: "A token is needed: Authorization: Bearer SECRET.",
    403: "The token's role does not allow this, or the request comes from another site.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    408: "The request took too long to arrive.",
    409: "The reading is not in a state that allows this.",
    410: "The image is no longer kept; send it again.",
    413: "The request is too large.",
    415: "Send multipart/form-data with the field file, or application/dicom.",
    421: "The service answers on its loopback address only.",
    422: "A parameter or the content is not valid.",
    429: "Too much waits already; try again later.",
    500: "A fault in the program; its log says where.",
    503: "The service cannot answer now; try again later.",
    507: "There is no room on the disk.",
}


class Fault(BaseModel):
    """One thing that is not valid."""

    where: str = Field(description="The parameter or field, its parts joined by dots.")
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is nothing at this address.",
                }
            ]
        }
    )

    type: str = Field(description="about:blank: the status says what kind of problem it is.")
    title: str
    status: int
    detail: str = Field(description="One sentence for people.")
    error: str = Field(default="", description="The error's type, as fractura detect gives it.")
    reading: str = Field(default="", description="The id of the reading that failed.")
    errors: list[Fault] = Field(default=[], description="Everything that is not valid.")


def problem(
    status: int, detail: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """A response that says what went wrong.

    Args:
        status: of HTTP.
        detail: one sentence; by default the general one of the status.
        headers: further ones.
        more: extension members of :class:`Problem`.
    """
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or _DETAILS.get(status, HTTPStatus(status).phrase),
        **more,
    }
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How an OpenAPI document declares these problems."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                    "example": {
                        "type": "about:blank",
                        "title": HTTPStatus(status).phrase,
                        "status": status,
                        "detail": _DETAILS[status],
                    },
                }
            },
            **(
                {
                    "headers": {
                        "Retry-After": {
                            "description": "Seconds to wait.",
                            "schema": {"type": "integer", "minimum": 1},
                        }
                    }
                }
                if status in (429, 503)
                else {}
            ),
        }
        for status in statuses
    }


def add_handlers(app: FastAPI) -> None:
    """Turn every error that a route raises on purpose into a problem."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(FracturaError, _of_fractura)
    app.add_exception_handler(DBAPIError, _of_database)
    app.add_exception_handler(PoolTimeoutError, _of_database)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == phrase else error.detail
    headers = {"Allow": _methods(request)} if error.status_code == 405 else error.headers
    return problem(error.status_code, detail, headers=headers)


def _methods(request: Request) -> str:
    """What the address takes, over all routes that have it."""
    found = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        {"where": ".".join(map(str, fault["loc"])), "message": fault["msg"]}
        for fault in error.errors()
    ]
    return problem(422, errors=faults)


async def _of_fractura(request: Request, error: Exception) -> Response:
    if isinstance(error, QueueFullError):
        seconds = max(1, round(error.retry_after))
        return problem(429, headers={"Retry-After": str(seconds)}, error="QueueFullError")
    for kind, status in (
        (UnknownIdError, 404),
        (ImageGoneError, 410),
        (DiskFullError, 507),
        (LoadError, 409),
    ):
        if isinstance(error, kind):
            detail = str(error) if kind is LoadError else ""
            return problem(status, detail, error=type(error).__name__)
    if isinstance(error, StoreError):
        return await _of_database(request, error)
    return problem(409, str(error), error=type(error).__name__)


async def _of_database(request: Request, error: Exception) -> Response:
    return problem(503, headers={"Retry-After": str(SECONDS_TO_RETRY)})
