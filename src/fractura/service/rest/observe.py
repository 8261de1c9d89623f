"""One line and one count a request, and an answer even where the program has a fault."""

from __future__ import annotations

import logging
import traceback
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fractura.service.rest.problems import problem

_LOG = logging.getLogger("fractura.service.http")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Observe:
    """ASGI middleware that logs method, route, status, milliseconds and the token's name.

    Addresses, headers, file names and messages of errors stay out of the log: a patient's name
    may be in them.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "fractura_http_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "fractura_http_request_seconds",
            "Time from the request's head to the end of the answer.",
            ("method", "route"),
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = perf_counter(), 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception as error:
            _LOG.error("fault: %s", _place(error))
            if not status:
                await problem(500)(scope, receive, send_observed)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            route = getattr(scope.get("route"), "path", "unknown")
            seconds = perf_counter() - start
            who = scope.get("state", {}).get("who", "-")
            _LOG.info("%s %s %d %.0f ms %s", method, route, status, 1000 * seconds, who)
            self._requests.labels(method, route, str(status)).inc()
            self._seconds.labels(method, route).observe(seconds)


def _place(error: Exception) -> str:
    """The error's type and where it arose, without its message."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = (f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {' > '.join(places)}"
