"""The images' bytes, by their SHA-256: a local folder, or an object store through fsspec."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256 as digest_of
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fractura.atomic_write import make_folder, write_whole
from fractura.errors import SaveError
from fractura.service.store.errors import DiskFullError, ImageGoneError, StoreError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_SHA256 = re.compile("[0-9a-f]{64}")
_TIMES = ("LastModified", "last_modified", "mtime")
"""What listings call the moment of writing: those of S3, Azure and Google."""


class Images(Protocol):
    """Where images are kept."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its SHA-256; it survives a power cut once this returns.

        Raises:
            DiskFullError: there is no space for it.
            StoreError: it cannot be written.
        """

    def get(self, sha256: str) -> bytes:
        """The bytes, whose hash has been checked.

        Raises:
            ImageGoneError: it is not there or damaged.
            StoreError: the store does not answer.
        """

    def has(self, sha256: str) -> bool:
        """Whether it is there."""

    def delete(self, sha256: str) -> None:
        """Forget it, if it is there."""

    def put_before(self, moment: datetime) -> Iterator[tuple[str, datetime]]:
        """Every image that was put before, with when; leftovers of a kill are cleared away."""

    def free_megabytes(self) -> float:
        """Space that is left, infinite where the store does not say."""


@dataclass(frozen=True)
class FolderImages:
    """Images in a local folder, ``ab/abcd…`` each."""

    folder: Path

    def put(self, data: bytes) -> str:
        """See :meth:`Images.put`."""
        sha256 = digest_of(data).hexdigest()
        path = self._path(sha256)
        try:
            if not _refreshed(path, len(data)):
                if not path.parent.is_dir():
                    make_folder(path.parent)
                    _sync(self.folder)
                write_whole(path, data)
            _sync(path.parent)
        except (SaveError, OSError) as error:
            cause = error.__cause__ if isinstance(error, SaveError) else error
            if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError("the disk is full; no image can be kept") from error
            raise StoreError(f"{self.folder}: an image could not be written ({cause})") from error
        return sha256

    def get(self, sha256: str) -> bytes:
        """See :meth:`Images.get`."""
        try:
            data = self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise ImageGoneError(f"the image {sha256} is no longer kept") from None
        except OSError as error:
            raise StoreError(f"{self.folder}: an image could not be read ({error})") from error
        return _checked(data, sha256)

    def has(self, sha256: str) -> bool:
        """See :meth:`Images.has`."""
        return self._path(sha256).is_file()

    def delete(self, sha256: str) -> None:
        """See :meth:`Images.delete`."""
        self._path(sha256).unlink(missing_ok=True)

    def put_before(self, moment: datetime) -> Iterator[tuple[str, datetime]]:
        """See :meth:`Images.put_before`."""
        for path in self.folder.glob("??/*"):
            try:
                put_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            if put_at >= moment:
                continue
            if _SHA256.fullmatch(path.name):
                yield path.name, put_at
            elif path.suffix == ".part":
                path.unlink(missing_ok=True)

    def free_megabytes(self) -> float:
        """See :meth:`Images.free_megabytes`."""
        return shutil.disk_usage(self.folder).free / 1e6

    def _path(self, sha256: str) -> Path:
        return self.folder / _named(sha256)


@dataclass(frozen=True)
class RemoteImages:
    """Images in an object store that fsspec knows, under the same names as in a folder."""

    files: AbstractFileSystem
    root: str

    def put(self, data: bytes) -> str:
        """See :meth:`Images.put`."""
        sha256 = digest_of(data).hexdigest()
        path = self._path(sha256)
        with self._answering():
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.files.pipe_file(path, data)
        return sha256

    def get(self, sha256: str) -> bytes:
        """See :meth:`Images.get`."""
        try:
            with self._answering():
                data = self.files.cat_file(self._path(sha256))
        except FileNotFoundError:
            raise ImageGoneError(f"the image {sha256} is no longer kept") from None
        return _checked(data, sha256)

    def has(self, sha256: str) -> bool:
        """See :meth:`Images.has`."""
        with self._answering():
            return bool(self.files.isfile(self._path(sha256)))

    def delete(self, sha256: str) -> None:
        """See :meth:`Images.delete`."""
        with suppress(FileNotFoundError), self._answering():
            self.files.rm_file(self._path(sha256))

    def put_before(self, moment: datetime) -> Iterator[tuple[str, datetime]]:
        """See :meth:`Images.put_before`."""
        with self._answering():
            found = self.files.find(self.root, detail=True)
        for path, details in found.items():
            times = (details.get(key) for key in _TIMES)
            put_at = next((at for at in times if isinstance(at, datetime)), None)
            if put_at is None:
                put_at = self.files.modified(path)
            name = path.rpartition("/")[2]
            if put_at < moment and _SHA256.fullmatch(name):
                yield name, put_at

    def free_megabytes(self) -> float:
        """See :meth:`Images.free_megabytes`."""
        return float("inf")

    def _path(self, sha256: str) -> str:
        return f"{self.root}/{_named(sha256)}"

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, StoreError):
            raise
        except Exception as error:  # each kind of store has its own
            raise StoreError(f"the image store does not answer ({type(error).__name__})") from error


def open_images(address: str | None, folder: Path) -> Images:
    """The image store of an address; ``folder`` where there is none.

    Raises:
        StoreError: it cannot be opened, or what fsspec needs for it is not installed.
    """
    if address is None or "://" not in address or address.startswith("file://"):
        folder = folder if address is None else Path(address.removeprefix("file://"))
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder}: cannot be made ({error.strerror})") from error
        return FolderImages(folder)
    try:
        from fsspec.core import url_to_fs

        files, root = url_to_fs(address, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise StoreError(f"{address}: cannot be opened ({error})") from error
    return RemoteImages(files, root.rstrip("/"))


def _named(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise ImageGoneError("this is not the SHA-256 of an image")
    return f"{sha256[:2]}/{sha256}"


def _checked(data: bytes, sha256: str) -> bytes:
    if digest_of(data).hexdigest() != sha256:
        raise ImageGoneError(f"the image {sha256} is damaged in the store")
    return data


def _refreshed(path: Path, size: int) -> bool:
    """Whether the file is there, whole, and now as new; another may delete it meanwhile."""
    try:
        if path.stat().st_size != size:
            return False
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _sync(folder: Path) -> None:
    """Make what was created or renamed in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
