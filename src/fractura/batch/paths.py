"""From the paths that a person gave to the files to read."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fractura.errors import WrongUsageError
from fractura.findings import Failure
from fractura.imaging.files import image_files


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
        for item in expand(path):
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


def expand(path: str) -> Iterator[str | Failure]:
    """The files that one path, folder or pattern stands for; a failure where there is none."""
    if os.path.lexists(path):
        matches = [path]
    else:
        found = glob.glob(path, recursive=True) if glob.has_magic(path) else []  # noqa: PTH207
        matches = sorted(found)
    if not matches:
        yield Failure(path, "LoadError", f"{path}: there is no such file or folder")
    for match in matches:
        if Path(match).is_dir():
            yield from image_files(match)
        else:
            yield match
