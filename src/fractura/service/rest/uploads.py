"""Files that come with a request: spooled to disk while they stream, taken one by one."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from anyio import to_thread
from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

FIELD = "file"
DICOM = "application/dicom"
SPOOL_BYTES = 64 * 1024
"""Longer files go to the folder for temporary files while they arrive."""
NAME_LENGTH = 100
BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "additionalProperties": False,
                "properties": {
                    FIELD: {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                        "description": "PNG, JPEG, TIFF, BMP, WebP or DICOM files.",
                    }
                },
            }
        },
        DICOM: {
            "schema": {"type": "string", "contentMediaType": DICOM},
        },
    },
}
"""The request body, for the OpenAPI document."""


@dataclass(frozen=True)
class Upload:
    """A file that came; ``name`` is fit to be shown, and nothing else is done with it."""

    name: str
    file: IO[bytes]


class _Parser(MultiPartParser):
    """Knows whether the form came to its end."""

    spool_max_size = SPOOL_BYTES
    complete = False

    def on_end(self) -> None:
        self.complete = True


@asynccontextmanager
async def uploads(request: Request, most: int) -> AsyncIterator[list[Upload]]:
    """The files of a request, one at least, closed at the end.

    Raises:
        HTTPException: 400 for a broken form, 413 for more than ``most`` files, 415 for another
            kind of content, 422 for a form without files or with something else, 507 where they
            cannot be spooled.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == DICOM:
            found = [Upload("", await _spool(request))]
        elif kind == "multipart/form-data":
            found = await _parse(request, most)
        else:
            raise HTTPException(415)
    except OSError:
        raise HTTPException(507) from None
    try:
        yield found
    finally:
        for upload in found:
            upload.file.close()


async def _spool(request: Request) -> IO[bytes]:
    file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115
    try:
        async for chunk in request.stream():
            await to_thread.run_sync(file.write, chunk)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


async def _parse(request: Request, most: int) -> list[Upload]:
    parser = _Parser(
        request.headers, request.stream(), max_files=most, max_fields=1, max_part_size=1024
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise HTTPException(413, f"At most {most} files come in one request.") from None
        raise HTTPException(400, "The form is broken or has fields that are no files.") from None
    except ValueError:  # a charset that decodes nothing
        raise HTTPException(400, "The form is broken.") from None
    if not parser.complete:
        await form.close()
        raise HTTPException(400, "The form ends too early.")
    items = form.multi_items()
    if not items or any(
        name != FIELD or not isinstance(value, UploadFile) for name, value in items
    ):
        await form.close()
        raise HTTPException(422, f"The form holds files, each in a field {FIELD}, and no others.")
    return [
        Upload(display_name(value.filename or ""), value.file)
        for _, value in items
        if isinstance(value, UploadFile)
    ]


def display_name(name: str) -> str:
    """The last part of a client's path without what cannot be shown, at most 100 characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in unicodedata.normalize("NFC", last) if letter.isprintable())
    return shown[:NAME_LENGTH].strip()
