"""Read a file as a radiograph."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from fractura.errors import DamagedFileError, LoadError, TooLargeError, UnsupportedFileError
from fractura.imaging import raster
from fractura.imaging.grey import Decoded
from fractura.imaging.limits import MAX_FILE_BYTES
from fractura.imaging.radiograph import Radiograph

_FOREIGN = {
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive; unpack it and give the images in it",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"GIF8": "a GIF picture; save it as PNG",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 picture outside DICOM; save it as PNG",
    b"\xff\x4f\xff\x51": "a JPEG 2000 picture outside DICOM; save it as PNG",
}


def load(path: str | os.PathLike[str], *, frame: int | None = None) -> Radiograph:
    """Read one PNG, JPEG, TIFF, BMP, WebP or DICOM file; its content decides which it is.

    Args:
        path: the file.
        frame: which frame to read of a file with several, counted from 1.

    Raises:
        SeveralFramesError: the file holds several frames and ``frame`` is None.
        UnsupportedFileError: the file is no image, or of a kind that is not read.
        DamagedFileError: the file is empty, damaged, ends early or contradicts itself.
        TooLargeError: the file or the image in it exceeds :mod:`fractura.imaging.limits`.
        LoadError: the file cannot be opened, or ``frame`` does not exist.
    """
    try:
        data = _read(Path(path))
    except LoadError as error:
        raise type(error)(f"{path}: {error}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise LoadError(f"{path}: cannot be opened ({reason})") from error
    return load_bytes(data, name=os.fspath(path), frame=frame)


def load_bytes(data: bytes, *, name: str | None = None, frame: int | None = None) -> Radiograph:
    """Read a file that is in memory; ``name`` stands in messages and as the radiograph's path.

    Raises:
        LoadError: as :func:`load`.
    """
    try:
        if len(data) > MAX_FILE_BYTES:
            raise TooLargeError(f"it is larger than the {MAX_FILE_BYTES:,} bytes that are read")
        decoded = _decode(data, frame)
    except LoadError as error:
        raise type(error)(f"{name or 'the image'}: {error}") from error
    except MemoryError as error:
        raise TooLargeError(f"{name or 'the image'}: there is not enough memory for it") from error
    return Radiograph(
        pixels=decoded.pixels,
        sha256=hashlib.sha256(data).hexdigest(),
        path=name,
        spacing_mm=decoded.spacing_mm,
        bits=decoded.bits,
        warnings=decoded.warnings,
        age=decoded.age,
        body_part=decoded.body_part,
        in_colour=decoded.in_colour,
        polarity_doubtful=decoded.polarity_doubtful,
    )


def _read(path: Path) -> bytes:
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise UnsupportedFileError("it is a folder; give the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise UnsupportedFileError("it is not a regular file")
    if status.st_size > MAX_FILE_BYTES:
        raise TooLargeError(f"it is larger than the {MAX_FILE_BYTES:,} bytes that are read")
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _decode(data: bytes, frame: int | None) -> Decoded:
    if not data:
        raise DamagedFileError("it is empty")
    if is_dicom(data):
        from fractura.imaging.dicom_file import image

        return image.decode(data, frame)
    decode = raster.find_decoder(data)
    if decode is not None:
        return decode(data, frame)
    kind = next((kind for magic, kind in _FOREIGN.items() if data.startswith(magic)), None)
    raise UnsupportedFileError(
        f"it is {kind}" if kind else "it is not a PNG, JPEG, TIFF, BMP, WebP or DICOM image"
    )


def is_dicom(data: bytes) -> bool:
    """``DICM`` after the preamble (PS3.10, 7.1), or a data set that starts at once."""
    if data[128:132] == b"DICM":
        return True
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    if data[:2] in (b"\x02\0", b"\x08\0"):
        return data[3:4] == b"\0" and (explicit or data[5:8] == b"\0\0\0")
    return data[:3] == b"\0\x08\0" and explicit
