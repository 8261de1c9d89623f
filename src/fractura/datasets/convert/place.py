"""Put image files in place, so that other programs read them as we do."""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fractura.datasets.convert.alike import AlikeFile, find_alike
from fractura.datasets.convert.select import ConvertedImage, cut_suffix
from fractura.datasets.record import Dropped
from fractura.errors import (
    DamagedFileError,
    FracturaError,
    LoadError,
    SaveError,
    SeveralFramesError,
    TooLargeError,
    UnsupportedFileError,
)
from fractura.imaging.limits import MAX_FILE_BYTES
from fractura.imaging.load import load_bytes
from fractura.imaging.save import encode_png, to_8_bit
from fractura.parallel import map_in_order, processors

Images = Literal["link", "copy", "none"]
Progress = Callable[[Iterable[Any]], Iterable[Any]]

OTHER_SIZE = "are not of the size that the manifest says"
_REASONS: dict[type[LoadError], str] = {
    UnsupportedFileError: "are no pictures that can be rendered",
    DamagedFileError: "are damaged",
    TooLargeError: "are too large to be rendered",
    SeveralFramesError: "hold several frames",
    LoadError: "cannot be rendered",
}


@dataclass(frozen=True)
class Written:
    """What became of the images.

    Attributes:
        items: those that were written, under the names that they have now.
        skipped: the files that were not, each with its reason.
        rendered: how many were written as PNG, since other programs read them differently or not.
        unlike: how many such were left as they are, where no image is written.
    """

    items: tuple[ConvertedImage, ...]
    skipped: tuple[Dropped, ...]
    rendered: int
    unlike: int


@dataclass(frozen=True, slots=True)
class _Put:
    item: ConvertedImage
    skipped: str | None = None
    unlike: bool = False


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


def put_images(
    items: Sequence[ConvertedImage],
    folder_of: Callable[[ConvertedImage], Path],
    images: Images,
    progress: Progress,
) -> Written:
    """Link or copy what PIL, OpenCV and torchvision read alike, and render the rest.

    What is rendered becomes an 8-bit grey PNG file of the pixels that
    :func:`fractura.imaging.load.load` gives: upright, opaque, bone bright. A file's suffix becomes
    that of its content. What cannot be rendered, or has another size than its record, is skipped.

    Args:
        items: images to be written.
        folder_of: where each belongs.
        images: symbolic links by their relative paths, copies, or nothing.
        progress: hands outcomes on and shows how many have passed.

    Raises:
        FracturaError: a source is missing, the system cannot link, or no image is left.
    """

    def work(item: ConvertedImage) -> _Put:
        return _put(item, folder_of(item), images)

    with closing(map_in_order(work, items, processors())) as outcomes:
        done = list(progress(outcomes))
    skipped = [Dropped(str(put.item.record.path), put.skipped) for put in done if put.skipped]
    kept = [put for put in done if not put.skipped]
    if not kept:
        counts = Counter(one.reason for one in skipped)
        reasons = "; ".join(f"{count:,} {reason}" for reason, count in counts.items())
        raise FracturaError(f"there is nothing to convert: {reasons}")
    unlike = sum(put.unlike for put in kept)
    rendered, left = (0, unlike) if images == "none" else (unlike, 0)
    return Written(tuple(put.item for put in kept), tuple(skipped), rendered, left)


def _put(item: ConvertedImage, folder: Path, images: Images) -> _Put:
    source = item.record.path
    if images == "none":
        there = source.is_file()
        return _Put(item, unlike=there and find_alike(_read(source)) is None)
    if not source.is_file():
        raise FracturaError(f"{source} is missing; restore the file or build the manifest again")
    data = _read(source)
    alike = find_alike(data)
    stem, suffix = cut_suffix(item.name)
    if alike is None:
        try:
            pixels = load_bytes(data).pixels
        except LoadError as error:
            return _Put(item, _REASONS[type(error)])
        data = encode_png(to_8_bit(pixels))
        alike = AlikeFile(pixels.shape[1], pixels.shape[0], (".png",))
        item, link, unlike = replace(item, name=f"{stem}.png"), False, True
    else:
        known = suffix.lower() in alike.suffixes
        item = item if known else replace(item, name=stem + alike.suffixes[0])
        link, unlike = images == "link", False
    stated = (item.record.width, item.record.height)
    if None not in stated and stated != (alike.width, alike.height):
        return _Put(item, OTHER_SIZE)
    folder.mkdir(parents=True, exist_ok=True)
    if link:
        _link(source, folder / item.name)
    else:
        with (folder / item.name).open("xb") as copy:
            shutil.copyfileobj(io.BytesIO(data), copy)
    return _Put(item, unlike=unlike)


def _read(source: Path) -> bytes:
    try:
        with source.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise FracturaError(f"{source}: cannot be opened ({error.strerror})") from error


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(os.path.relpath(source.resolve(), target.parent.resolve()))
    except (OSError, NotImplementedError, ValueError) as error:
        raise FracturaError(f"{target}: links cannot be made here; use --images copy") from error
