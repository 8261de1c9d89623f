"""So that one visitor cannot starve the others: requests at once, sizes, times, threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import anyio
from anyio import to_thread
from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fractura.service.rest.problems import SECONDS_TO_RETRY, problem
from fractura.service.settings import Limits

Result = TypeVar("Result")

UPLOADS = "/v1/readings"
SMALL_BYTES = 64 * 1024
"""Most bytes of a request that is no upload."""
SLOWEST = 64 * 1024
"""Bytes a second. Slower uploads end when the deadline is over."""
_CLOSE = {"Connection": "close"}
_ALWAYS = ("/healthz", "/readyz", "/metrics")


class Throttle:
    """ASGI middleware: only so many requests at once, only so many bytes, only so long.

    Bodies are measured while they stream, before anything parses them.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._running >= self._limits.requests:
            busy = problem(429, headers={"Retry-After": "1", **_CLOSE})
            await busy(scope, receive, send)
            return
        most = self._limits.upload_megabytes * 10**6 if scope["path"] == UPLOADS else SMALL_BYTES
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length[:20]) > most:
            await _too_large(most)(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, _measured(receive, most, self._limits.deadline_seconds), send)
        finally:
            self._running -= 1


def _measured(receive: Receive, most: int, seconds: float) -> Receive:
    """``receive`` that raises when the body gets longer or takes longer than allowed."""
    start, arrived, complete = monotonic(), 0, False

    async def receive_measured() -> Message:
        nonlocal arrived, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout(start + seconds + arrived / SLOWEST - monotonic()):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers=_CLOSE) from None
        arrived += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if arrived > most:
            raise HTTPException(413, _sentence(most), headers=_CLOSE)
        return message

    return receive_measured


def _too_large(most: int) -> ASGIApp:
    return problem(413, _sentence(most), headers=_CLOSE)


def _sentence(most: int) -> str:
    return f"The request is larger than the {most:,} bytes that are taken."


class Pool:
    """Threads for heavy work, a fixed number at once; others wait for them, but not for ever."""

    def __init__(self, threads: int, seconds: float) -> None:
        self._turns = anyio.Semaphore(threads)
        self._threads = anyio.CapacityLimiter(threads)
        self._seconds = seconds

    async def run(self, work: Callable[[], Result]) -> Result:
        """What ``work`` returns, done in a thread.

        Raises:
            HTTPException: 503, no thread became free in time.
        """
        try:
            with anyio.fail_after(self._seconds):
                await self._turns.acquire()
        except TimeoutError:
            retry = {"Retry-After": str(SECONDS_TO_RETRY)}
            raise HTTPException(503, headers=retry) from None
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            self._turns.release()
