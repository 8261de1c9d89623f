"""Write pictures, whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError


class SaveError(FracturaError):
    """A file could not be written."""


def save_png(path: str | Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write ``[height, width]`` grey or ``[height, width, 3]`` RGB, 8 or 16 bit, as PNG.

    Raises:
        SaveError: where the folder is missing, not writable or full.
    """
    stored = image if image.ndim == 2 else image[..., ::-1]
    done, data = cv2.imencode(".png", stored)
    if not done:
        raise SaveError(f"{path}: an image of shape {image.shape} cannot be written as PNG")
    write_whole(path, data.tobytes())


def to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values in 0..1 to the nearest of 0..255."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)


def to_16_bit(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Grey values in 0..1 to the nearest of 0..65535."""
    return np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16)


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file so that, even if the machine stops, it is there entirely or as it was.

    Raises:
        SaveError: where the folder is missing, not writable or full.
    """
    with whole_file(path) as file:
        file.write(data)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, if they are not there.

    Raises:
        SaveError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"{path}: the folder could not be made ({error.strerror})") from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """:func:`write_whole` piece by piece: the file takes its place when the block has ended.

    Raises:
        SaveError: where the folder is missing, not writable or full.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise SaveError(f"{path}: could not be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)
