"""The application: routes, what guards them, and its description."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI

from fractura.parallel import processors
from fractura.reading.model import model_path
from fractura.service.process import Process, stop
from fractura.service.rest import (
    deliveries,
    health,
    jobs,
    marks,
    models,
    pictures,
    readings,
)
from fractura.service.rest.context import Context, only_known_parameters
from fractura.service.rest.limits import Pool, Throttle
from fractura.service.rest.observe import Observe
from fractura.service.rest.page import page_files, page_router
from fractura.service.rest.problems import Problem, add_handlers, declared
from fractura.service.rest.security import Gate, SecureHeaders, content_security_policy
from fractura.service.settings import ServiceSettings
from fractura.version import __version__

GRACE_SECONDS = 10.0
"""What a stopping process gives a reading that runs."""
_DESCRIPTION = """Find bone fractures in radiographs. For research and education; not a certified
medical device.

Every error is a problem (RFC 9457)."""
_GENERAL = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500, 503)


def make_app(process: Process) -> FastAPI:
    """The REST service and the page of a process, which stops when the application does."""
    settings = process.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await to_thread.run_sync(stop, process, GRACE_SECONDS)

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
    app.state.context = Context(
        process=process,
        model_sha256=sha256(model_path(settings.model).read_bytes()).hexdigest(),
        pool=Pool(processors(), settings.limits.deadline_seconds),
        waiters=CapacityLimiter(settings.limits.requests),
    )
    add_handlers(app)
    for part in (readings, pictures, jobs, marks, models, deliveries, health):
        app.include_router(part.router)
    found = page_files()
    app.include_router(page_router(found))
    _complete_description(app, settings)
    policy = content_security_policy(wasm=any(name.endswith(".wasm") for name in found))
    # The last is the outermost.
    app.add_middleware(Throttle, limits=settings.limits)
    app.add_middleware(Gate, tokens=settings.tokens)
    app.add_middleware(SecureHeaders, policy=policy)
    app.add_middleware(Observe, registry=process.metrics.registry)
    return app


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
