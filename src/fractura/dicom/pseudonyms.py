"""Names that follow from the original and a secret key alone."""

from __future__ import annotations

import hmac
import os
import secrets
from base64 import b32encode
from pathlib import Path

from fractura.errors import FracturaError

KEY_BYTES = 32


def read_or_make_key(path: Path) -> bytes:
    """The secret in a file, which is made, readable by its owner alone, if it is not there.

    Raises:
        FracturaError: the file holds something else, or cannot be made.
    """
    try:
        if not path.exists():
            return _make_key(path)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise FracturaError(f"{path}: the key cannot be used ({error.strerror})") from error
    except ValueError as error:
        raise FracturaError(f"{path}: this is not a key of fractura; name another file") from error
    if len(key) != KEY_BYTES:
        raise FracturaError(f"{path}: this is not a key of fractura; name another file")
    return key


def _make_key(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink()
        raise
    return key


def pseudonym(key: bytes, *original: str) -> str:
    """Sixteen letters and digits for a patient: alike for the same identifier and key."""
    return b32encode(_digest(key, "patient", *original)[:10]).decode()


def mapped_uid(key: bytes, original: str) -> str:
    """A UID for a UID, derived as from a UUID (PS3.5, B.2)."""
    return f"2.25.{int.from_bytes(_digest(key, 'uid', original)[:16], 'big')}"


def _digest(key: bytes, *parts: str) -> bytes:
    return hmac.digest(key, "\0".join(parts).encode(), "sha256")
