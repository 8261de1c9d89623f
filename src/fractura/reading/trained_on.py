"""The ids of the radiographs that a model was trained on, as text small enough to travel in it."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from fractura.errors import ModelError

KEY = "trained_on"
"""Of a model's provenance."""


def pack(ids: Iterable[str]) -> str:
    """Ids of records as compressed text (zlib, base64)."""
    text = json.dumps(sorted(ids)).encode()
    return base64.b64encode(zlib.compress(text, 9)).decode("ascii")


def trained_on(provenance: Mapping[str, Any]) -> frozenset[str] | None:
    """The ids that a model's provenance holds; ``None`` if it holds none.

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
