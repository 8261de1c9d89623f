"""Resized radiographs on disk, decoded once for all workers, processes and runs.

Each image is kept under a digest of its content's digest (or its path), its file's size and time,
the side it was resized to and the package's version. Whatever changes, the image is decoded again
under a new key. A folder may be deleted at any time between runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from fractura.atomic_write import make_folder
from fractura.datasets.record import Annotation, Record
from fractura.errors import FracturaError, InUseError
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import resize_long_side
from fractura.locking import locked
from fractura.training.data.segments import (
    Files,
    Image,
    Outline,
    Resized,
    SegmentPlace,
    read_segments,
    remove_damaged,
    write_segment,
)
from fractura.training.recipe import Data
from fractura.version import __version__

SEGMENT_BYTES = 64 * 2**20
CHUNK = 64
"""Images in the threads' hands at a time."""

PHANTOM_POOL = 4
"""Phantoms in the store for each one drawn in an epoch."""

Job = Callable[[], Resized]


class ImageStore:
    """Images and outlines by index: the readable records in their order, then the phantoms.

    Attributes:
        records: what could be read.
        unreadable: a sentence for each record that is left out, by its id.
    """

    def __init__(
        self,
        records: Sequence[Record],
        keys: Sequence[str],
        places: Mapping[str, SegmentPlace],
        unreadable: Mapping[str, str],
    ) -> None:
        self.records = tuple(records)
        self.unreadable = dict(unreadable)
        self._keys = tuple(keys)
        self._places = {key: places[key] for key in keys}
        self._files = Files()

    def __len__(self) -> int:
        return len(self._keys)

    def image(self, index: int) -> Image:
        """uint8 ``[h, w]``, bone bright; a new array."""
        key = self._keys[index]
        return self._files.image(self._places[key], key)

    def outlines(self, index: int) -> tuple[Outline, ...]:
        """Corners of each marked fracture, float32 ``[n, 2]`` (x, y) in pixels of the image."""
        place = self._places[self._keys[index]]
        if index >= len(self.records):
            return place.outlines
        scale = _scale(place.size, place.source)
        return tuple(_corners(mark) * scale for mark in self.records[index].fractures)


def open_store(records: Sequence[Record], data: Data, folder: Path, workers: int) -> ImageStore:
    """Decode and resize what the folder does not hold yet.

    Another process that fills the folder is waited for. A killed run loses the last few hundred
    images at most.

    Args:
        records: radiographs to train on.
        data: the images' longer side, and how many phantoms an epoch draws.
        folder: of the images; made if missing.
        workers: threads that decode.

    Raises:
        FracturaError: there is nothing to read, or no record can be read.
        SaveError: the folder is not writable or full.
    """
    side = data.side
    folder = folder / str(side)
    make_folder(folder)
    unreadable: dict[str, str] = {}
    keys: dict[str, str] = {}
    jobs: dict[str, Job] = {}
    for record in records:
        try:
            keys[record.id] = key = _key(record, side)
        except OSError as error:
            unreadable[record.id] = f"{record.path}: cannot be opened ({error.strerror})"
        else:
            jobs[key] = _decoder(record.path, side)
    phantom_keys = []
    for number in range(PHANTOM_POOL * data.phantoms):
        phantom_keys.append(_digest("phantom", number, side))
        jobs[phantom_keys[-1]] = _maker(number, side)
    failed = _fill(folder, jobs, workers)
    unreadable |= {name: failed[key] for name, key in keys.items() if key in failed}
    readable = [record for record in records if record.id not in unreadable]
    if not readable and not phantom_keys:
        reasons = next(iter(unreadable.values()), "the manifest is empty")
        raise FracturaError(f"none of {len(records):,} radiographs can be read: {reasons}")
    found = [*(keys[record.id] for record in readable), *phantom_keys]
    return ImageStore(readable, found, read_segments(folder), unreadable)


def _fill(folder: Path, jobs: Mapping[str, Job], workers: int) -> dict[str, str]:
    """Do the jobs whose result is not there; a sentence for each that failed."""
    if jobs.keys() <= read_segments(folder).keys():
        return {}
    with ExitStack() as stack:
        _lock_when_free(folder, stack)
        places = read_segments(folder)
        remove_damaged(folder, places)
        missing = [key for key in jobs if key not in places]
        console = Console(stderr=True)
        bar = stack.enter_context(Progress(console=console, disable=not sys.stderr.isatty()))
        pool = stack.enter_context(ThreadPoolExecutor(max(1, workers)))
        task = bar.add_task("Reading radiographs", total=len(missing))
        failed: dict[str, str] = {}
        segment: dict[str, Resized] = {}
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            for key, outcome in zip(chunk, pool.map(_try, map(jobs.get, chunk)), strict=True):
                if isinstance(outcome, str):
                    failed[key] = outcome
                else:
                    segment[key] = outcome
                bar.advance(task)
            if sum(resized.image.nbytes for resized in segment.values()) > SEGMENT_BYTES:
                write_segment(folder, segment)
                segment = {}
        if segment:
            write_segment(folder, segment)
    return failed


def _lock_when_free(folder: Path, stack: ExitStack) -> None:
    while True:
        try:
            stack.enter_context(locked(folder))
        except InUseError:
            time.sleep(0.2)
        else:
            return


def _try(job: Job) -> Resized | str:
    try:
        return job()
    except FracturaError as error:
        return str(error)


def _decoder(path: Path, side: int) -> Job:
    return lambda: _resized(load(path).pixels, side)


def _maker(number: int, side: int) -> Job:
    return lambda: _phantom(number, side)


def _resized(pixels: NDArray[np.float32], side: int) -> Resized:
    image = np.rint(resize_long_side(pixels, side) * 255).astype(np.uint8)
    return Resized(image, (pixels.shape[0], pixels.shape[1]))


def _phantom(number: int, side: int) -> Resized:
    phantom = make_phantom(number)
    resized = _resized(phantom.radiograph.pixels, side)
    scale = _scale(resized.image.shape, resized.source)
    outlines = tuple(_contour(mask) * scale for mask in phantom.masks)
    return Resized(resized.image, resized.source, outlines)


def _scale(size: tuple[int, ...], source: tuple[int, int]) -> NDArray[np.float32]:
    return np.array([size[1] / source[1], size[0] / source[0]], dtype=np.float32)


def _contour(mask: NDArray[np.bool_]) -> Outline:
    """Outer corners of a mask's pixels: tight on it, as the phantom's own box is."""
    rows, columns = np.nonzero(mask)
    points = np.stack([columns, rows], axis=1)
    corners = np.concatenate([points + np.array([x, y]) for x in (0, 1) for y in (0, 1)])
    hull = cv2.convexHull(corners.astype(np.float32))
    return np.asarray(hull, dtype=np.float32).reshape(-1, 2)


def _corners(mark: Annotation) -> Outline:
    """All corners of an annotation's polygons, or those of its box."""
    if mark.outlines:
        return np.concatenate([np.array(part, dtype=np.float32) for part in mark.outlines])
    box = mark.box
    corners = [(x, y) for x in (box.x_min, box.x_max) for y in (box.y_min, box.y_max)]
    return np.array(corners, dtype=np.float32)


def _key(record: Record, side: int) -> str:
    status = record.path.stat()
    return _digest(record.sha256 or record.path, status.st_size, status.st_mtime_ns, side)


def _digest(*parts: object) -> str:
    text = "\n".join(str(part) for part in (__version__, *parts))
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
