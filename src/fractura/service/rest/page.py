"""The page and what it loads: the files of the bundle and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, HTTPException
from starlette.responses import FileResponse, Response

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
_FOR_EVER = "public, max-age=31536000, immutable"
"""The bundler writes a hash of the content into the names of all files in assets."""


def page_files() -> dict[str, Path]:
    """The files of the bundle by their address below ``/``; empty where it was not built."""
    folder = Path(str(files("fractura") / "service" / "page"))
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix in _TYPES and path.is_file()
    }


def page_router(found: Mapping[str, Path]) -> APIRouter:
    """Routes that give these files."""
    router = APIRouter(include_in_schema=False)

    async def index() -> Response:
        if "index.html" not in found:
            raise HTTPException(
                404,
                "The page is not part of this installation. "
                "The REST service is below /v1, its description is /openapi.json.",
            )
        return _give(found["index.html"], "no-cache")

    async def asset(name: str) -> Response:
        if f"assets/{name}" not in found:
            raise HTTPException(404)
        return _give(found[f"assets/{name}"], _FOR_EVER)

    router.get("/")(index)
    router.get("/assets/{name:path}")(asset)
    for name in found:
        if "/" not in name:
            router.get(f"/{name}")(_other(found[name]))
    return router


def _other(path: Path) -> Callable[[], Awaitable[Response]]:
    async def other() -> Response:
        return _give(path, "no-cache")

    return other


def _give(path: Path, caching: str) -> Response:
    return FileResponse(path, headers={"Cache-Control": caching}, media_type=_TYPES[path.suffix])
