"""The description of the service, which needs no process behind it.

``python -m fractura.service.rest.openapi`` prints it as the service gives it by default.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import Depends, FastAPI

from fractura.service.rest import (
    deliveries,
    health,
    jobs,
    marks,
    models,
    pictures,
    readings,
)
from fractura.service.rest.context import only_known_parameters
from fractura.service.rest.problems import Problem, declared
from fractura.service.settings import ServiceSettings
from fractura.version import __version__

_DESCRIPTION = """Find bone fractures in radiographs. For research and education; not a certified
medical device.

Every error is a problem (RFC 9457)."""
_GENERAL = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500, 503)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def described_app(settings: ServiceSettings, lifespan: Lifespan | None = None) -> FastAPI:
    """An application with every route that is described, and the whole description.

    Args:
        settings: whose tokens and limits the description names.
        lifespan: what surrounds the life of the application.
    """
    app = FastAPI(
        title="fractura",
        version=__version__,
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        responses=declared(*_GENERAL),
        dependencies=[Depends(only_known_parameters)],
    )
    for part in (readings, pictures, jobs, marks, models, deliveries, health):
        app.include_router(part.router)
    _complete_description(app, settings)
    return app


def openapi_text(settings: ServiceSettings) -> str:
    """The OpenAPI document as JSON, ending with a line feed."""
    return json.dumps(described_app(settings).openapi(), indent=2, ensure_ascii=False) + "\n"


def _complete_description(app: FastAPI, settings: ServiceSettings) -> None:
    """Add to the OpenAPI document what FastAPI does not see: problems, tokens and limits."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = original()
            components = document.setdefault("components", {})
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            components.setdefault("schemas", {}).update(schema.pop("$defs", {}), Problem=schema)
            if settings.tokens:
                components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                for path, operations in document["paths"].items():
                    if path.startswith("/v1/") or path == "/metrics":
                        for operation in operations.values():
                            operation["security"] = [{"token": []}]
            body = document["paths"]["/v1/readings"]["post"]["requestBody"]
            form = body["content"]["multipart/form-data"]["schema"]
            form["properties"]["file"]["maxItems"] = settings.limits.files
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


if __name__ == "__main__":
    print(openapi_text(ServiceSettings()), end="")
