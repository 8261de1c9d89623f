"""What a model was trained on, as text small enough to travel in it.

Records by id, and pictures by their contents: digests of the files' bytes and of the grey values.
Contents tell what a model has seen wherever its files lie and however a manifest calls them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from fractura.errors import ModelError

KEY = "trained_on"
"""Of a model's provenance."""

_FILE, _PIXELS, _DIGITS = "sha256:", "pixels:", 16


def file_mark(sha256: str) -> str:
    """A file among what a model was trained on, by its hexadecimal SHA-256."""
    return _FILE + sha256[:_DIGITS]


def pixels_mark(sha256: str) -> str:
    """A picture, by :func:`fractura.imaging.identity.pixels_sha256`."""
    return _PIXELS + sha256[:_DIGITS]


def contents(known: Iterable[str]) -> frozenset[str]:
    """Those of what a model was trained on that are contents, not ids."""
    return frozenset(mark for mark in known if mark.startswith((_FILE, _PIXELS)))


def pack(known: Iterable[str]) -> str:
    """Ids of records and marks of contents as compressed text (zlib, base64)."""
    text = json.dumps(sorted(known)).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode("ascii")


def trained_on(provenance: Mapping[str, Any]) -> frozenset[str] | None:
    """The ids and marks that a model's provenance holds; ``None`` if it holds none.

    Raises:
        ModelError: they are damaged.
    """
    packed = provenance.get(KEY)
    if packed is None:
        return None
    try:
        return frozenset(json.loads(zlib.decompress(base64.b64decode(packed, validate=True))))
    except (TypeError, ValueError, zlib.error) as error:
        raise ModelError(
            "the model's list of training radiographs is damaged; export it again"
        ) from error
