"""Who may come in: tokens, roles, and from which page."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fractura.service.rest.problems import problem
from fractura.service.settings import Role, Token, is_loopback

LOCAL = "local"
"""Who comes in where there are no tokens: a person at this machine."""
_ROLES: tuple[Role, ...] = ("read", "submit", "admin")
_CLOSED = ("/v1", "/metrics")


class Gate:
    """ASGI middleware that lets in whom the settings know.

    With tokens, everything below ``/v1`` and ``/metrics`` needs one. Without, who can reach the
    loopback address may do everything; so the ``Host`` header must name it (else a foreign page
    comes in by DNS rebinding), and a browser's ``Origin`` must be the service's own page.
    """

    def __init__(self, app: ASGIApp, tokens: Sequence[Token]) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope.setdefault("state", {})
        refusal = self._check_token(scope, headers) if self._tokens else _check_site(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if not self._tokens:
            scope["state"]["who"], scope["state"]["role"] = LOCAL, "admin"
        await self._app(scope, receive, send)

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        if not any(_is_below(scope["path"], part) for part in _CLOSED):
            return None
        token = find_token(self._tokens, headers.getlist("authorization"))
        if token is None:
            return problem(401, headers={"WWW-Authenticate": 'Bearer realm="fractura"'})
        scope["state"]["who"], scope["state"]["role"] = token.name, token.role
        return None


def find_token(tokens: Sequence[Token], values: Sequence[str]) -> Token | None:
    """The token whose secret the ``Authorization`` headers carry.

    Each digest is compared in constant time, and all of them, so that the time tells nothing.
    """
    if len(values) != 1:
        return None
    scheme, _, secret = values[0].partition(" ")
    digest = hashlib.sha256(secret.strip().encode("latin-1")).hexdigest()
    found = None
    for token in tokens:
        if hmac.compare_digest(digest, token.sha256):
            found = token
    return found if scheme.lower() == "bearer" else None


def needs(role: Role) -> Callable[[Request], Awaitable[str]]:
    """A dependency that gives the visitor's name, and refuses with 403 who may not do this."""

    async def visitor(request: Request) -> str:
        if _ROLES.index(request.state.role) < _ROLES.index(role):
            raise HTTPException(403, f"This needs a token of the role {role}.")
        return str(request.state.who)

    return visitor


def _is_below(path: str, part: str) -> bool:
    return path == part or path.startswith(part + "/")


def _check_site(headers: Headers) -> Response | None:
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    if len(hosts) != 1 or not is_loopback(_name(f"//{hosts[0]}")):
        return problem(421)
    if any(origin not in (f"http://{hosts[0]}", f"https://{hosts[0]}") for origin in origins):
        return problem(403, "The request comes from another site's page.")
    return None


def _name(address: str) -> str:
    """The host of ``//host:port``; empty if that is no such thing."""
    try:
        parts = urlsplit(address)
        well_formed = address in (f"//{parts.hostname}", f"//[{parts.hostname}]") or (
            parts.port is not None and parts.netloc == address[2:]
        )
        return parts.hostname or "" if well_formed else ""
    except ValueError:
        return ""


class SecureHeaders:
    """ASGI middleware that tells browsers what the page and the answers may do."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_guarded if scope["type"] == "http" else send)


def content_security_policy(*, wasm: bool) -> str:
    """What the page may load: its own files, and workers and pictures that it made itself.

    Args:
        wasm: it compiles WebAssembly (decoders of compressed pixels).
    """
    scripts = "'self' 'wasm-unsafe-eval'" if wasm else "'self'"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {scripts}",
            "worker-src 'self' blob:",
            "connect-src 'self' blob: data:",
            "img-src 'self' blob: data:",
            "style-src 'self'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
