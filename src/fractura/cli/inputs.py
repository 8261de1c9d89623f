"""From the paths that a person gave to the files to read."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from fractura.cli.errors import WrongUsageError
from fractura.findings import Failure

SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dib", ".webp"),
    *(".dcm", ".dicom", ".dic", ".ima"),
}
"""What image files in folders are called; other files there are read only if they are DICOM."""

PICTURES_MARK = ".fractura"
"""A file in folders of pictures that fractura drew, which are no radiographs to read."""


def find_inputs(paths: Sequence[str]) -> list[str | Failure]:
    """The files that paths, folders and patterns stand for, each once; in a folder by name.

    Folders are searched to any depth, without hidden files, DICOMDIR and pictures that fractura
    drew, following links but never into the same folder twice.

    Returns:
        Paths of files, and failures for what does not exist or cannot be listed.

    Raises:
        WrongUsageError: there is no file at all.
    """
    seen: set[str] = set()
    found: list[str | Failure] = []
    for path in paths:
        for item in _expand(path):
            key = item.path if isinstance(item, Failure) else str(Path(item).absolute())
            if key not in seen:
                seen.add(key)
                found.append(item)
    if not any(isinstance(item, str) for item in found):
        reasons = [item.message for item in found if isinstance(item, Failure)]
        raise WrongUsageError(
            "there is nothing to read: "
            + ("; ".join(reasons) or f"no radiograph in {', '.join(paths)}")
        )
    return found


def _expand(path: str) -> Iterator[str | Failure]:
    if os.path.lexists(path):
        matches = [path]
    else:
        found = glob.glob(path, recursive=True) if glob.has_magic(path) else []  # noqa: PTH207
        matches = sorted(found)
    if not matches:
        yield Failure(path, "LoadError", f"{path}: there is no such file or folder")
    for match in matches:
        if Path(match).is_dir():
            yield from _search(match)
        else:
            yield match


def _search(folder: str) -> Iterator[str | Failure]:
    """Files below a folder that may be radiographs."""
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
        for entry in visible:
            if not _is_folder(entry) and _may_be_radiograph(entry):
                yield entry.path


def _may_be_radiograph(entry: os.DirEntry[str]) -> bool:
    if entry.name.upper() == "DICOMDIR":
        return False
    return Path(entry.name).suffix.lower() in SUFFIXES or _is_dicom(Path(entry.path))


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
