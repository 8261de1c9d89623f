"""Find image files in folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from fractura.findings import Failure

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dib", ".webp"),
    *(".dcm", ".dicom", ".dic", ".ima"),
}
"""What image files in folders are called; other files there are read only if they are DICOM."""

PICTURES_MARK = ".fractura"
"""A file in folders of pictures that fractura drew, which are no radiographs to read."""


def image_files(folder: str) -> Iterator[str | Failure]:
    """Files below a folder that may be radiographs: those of :func:`visible_files` with a name in
    :data:`SUFFIXES`, and DICOM files of any name but DICOMDIR.

    No file is read beyond its first bytes.
    """
    for item in visible_files(folder):
        if isinstance(item, Failure) or may_be_radiograph(item):
            yield item


def visible_files(folder: str) -> Iterator[str | Failure]:
    """Files below a folder, at any depth, in the order of their names.

    Hidden files and folders of pictures that fractura drew are passed over. Links are followed,
    but never into the same folder twice. A folder's own files come before those of its folders.

    Yields:
        Paths that begin with ``folder`` as it is spelled, and a failure for each folder that
        cannot be listed (or is none).
    """
    waiting, entered = [folder], set()
    while waiting:
        folder = waiting.pop()
        try:
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Failure(folder, "LoadError", f"{folder}: cannot be listed ({error.strerror})")
            continue
        if any(entry.name == PICTURES_MARK for entry in entries):
            continue
        visible = [entry for entry in entries if not entry.name.startswith(".")]
        waiting += [entry.path for entry in reversed(visible) if _is_folder(entry)]
        yield from (entry.path for entry in visible if not _is_folder(entry))


def may_be_radiograph(path: str) -> bool:
    """Whether a file's name or its first bytes are an image's."""
    file = Path(path)
    if file.name.upper() == "DICOMDIR":
        return False
    return file.suffix.lower() in SUFFIXES or _is_dicom(file)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_dicom(path: Path) -> bool:
    """Whether a regular file has ``DICM`` after a preamble of 128 bytes (PS3.10, 7.1)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
