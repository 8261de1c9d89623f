"""Put image files in place."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from fractura.errors import FracturaError, SaveError

Images = Literal["link", "copy", "none"]


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes its place when the block has ended, or leaves no trace.

    Raises:
        FracturaError: there is something in ``folder`` already.
        SaveError: it cannot be written.
    """
    if folder.exists():
        if not folder.is_dir() or any(folder.iterdir()):
            raise FracturaError(f"{folder}: there is something already; give a new or empty folder")
        if os.path.ismount(folder) or folder.samefile(Path.cwd()):
            raise FracturaError(f"{folder}: this folder is in use; give a new one inside it")
    temporary = folder.with_name(f".{secrets.token_hex(8)}.part")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    except OSError as error:
        raise SaveError(f"{folder}: could not be written ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_image(source: Path, target: Path, images: Images) -> None:
    """Make ``target`` a symbolic link to ``source`` by its relative path, a copy, or nothing.

    Raises:
        FracturaError: the source is missing, or the system cannot link.
    """
    if images == "none":
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_file():
        raise FracturaError(f"{source} is missing; restore the file or build the manifest again")
    if images == "copy":
        try:
            file = source.open("rb")
        except OSError as error:
            raise FracturaError(f"{source}: cannot be opened ({error.strerror})") from error
        with file, target.open("xb") as copy:
            shutil.copyfileobj(file, copy)
        return
    try:
        target.symlink_to(os.path.relpath(source.resolve(), target.parent.resolve()))
    except (OSError, NotImplementedError, ValueError) as error:
        raise FracturaError(f"{target}: links cannot be made here; use --images copy") from error
