"""Bodies of several parts: multipart/related (RFC 2387, PS3.18, 8.6)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from email.message import Message

DICOM = "application/dicom"


def join(objects: Sequence[bytes]) -> tuple[str, bytes]:
    """The field Content-Type and the body that hold whole files."""
    boundary = uuid.uuid4().hex
    parts = []
    for data in objects:
        parts += [f"--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode(), data, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return f'multipart/related; type="{DICOM}"; boundary={boundary}', b"".join(parts)


def only_part(content_type: str, body: bytes) -> bytes | None:
    """The one part of a body, or the body where it has no parts; ``None`` where it is malformed.

    Args:
        content_type: the field.
        body: of a server that may be hostile.
    """
    field = Message()
    field["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    if field.get_content_type() == DICOM:
        return body
    boundary = field.get_param("boundary")
    if field.get_content_type() != "multipart/related" or not isinstance(boundary, str):
        return None
    if not boundary.isascii() or not 1 <= len(boundary) <= 70:
        return None
    delimiter = b"--" + boundary.encode()
    start = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if not body.startswith(delimiter, start):
        return None
    first = start + len(delimiter)
    head = body.find(b"\r\n\r\n", first)
    end = body.find(b"\r\n" + delimiter, head + 2)
    if head < 0 or end < head + 4 or not body.startswith(b"--", end + 2 + len(delimiter)):
        return None
    return body[head + 4 : end]
