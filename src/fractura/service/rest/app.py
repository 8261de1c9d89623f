"""The application: its routes and page, and what guards them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from fractura.parallel import processors
from fractura.reading.model import model_path
from fractura.service.process import Process, stop
from fractura.service.rest.context import Context
from fractura.service.rest.limits import Pool, Throttle
from fractura.service.rest.observe import Observe
from fractura.service.rest.openapi import described_app
from fractura.service.rest.page import page_files, page_router
from fractura.service.rest.problems import add_handlers
from fractura.service.rest.security import Gate, SecureHeaders, content_security_policy

GRACE_SECONDS = 10.0
"""What a stopping process gives a reading that runs."""


def make_app(process: Process) -> FastAPI:
    """The REST service and the page of a process, which stops when the application does."""
    settings = process.settings

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await to_thread.run_sync(stop, process, GRACE_SECONDS)

    app = described_app(settings, lifespan)
    app.state.context = Context(
        process=process,
        model_sha256=sha256(model_path(settings.model).read_bytes()).hexdigest(),
        pool=Pool(processors(), settings.limits.deadline_seconds),
        waiters=CapacityLimiter(settings.limits.requests),
    )
    add_handlers(app)
    found = page_files()
    app.include_router(page_router(found))
    policy = content_security_policy(wasm=any(name.endswith(".wasm") for name in found))
    # The last is the outermost.
    app.add_middleware(Throttle, limits=settings.limits)
    app.add_middleware(Gate, tokens=settings.tokens)
    app.add_middleware(SecureHeaders, policy=policy)
    app.add_middleware(Observe, registry=process.metrics.registry)
    return app
