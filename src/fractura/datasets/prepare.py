"""Decode and shrink every image once, so that training need not do it in every epoch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fractura.atomic_write import make_folder
from fractura.datasets.head import read_head
from fractura.datasets.manifest import Intake, Manifest
from fractura.datasets.record import Annotation, Dropped, Record
from fractura.errors import (
    DamagedFileError,
    FracturaError,
    LoadError,
    SeveralFramesError,
    TooLargeError,
    UnsupportedFileError,
)
from fractura.findings import Box
from fractura.imaging.load import load, load_bytes
from fractura.imaging.preprocess import resize_long_side
from fractura.imaging.save import save_png, to_8_bit, to_16_bit
from fractura.parallel import map_in_order, processors

SAMPLE = 200
"""Files at most whose loading is timed."""

_REASONS: dict[type[LoadError], str] = {
    UnsupportedFileError: "files are no images that can be read",
    DamagedFileError: "files are damaged",
    TooLargeError: "files are too large",
    SeveralFramesError: "files hold several frames",
    LoadError: "files cannot be opened",
}
_CHANGED = "files are not those that the manifest was built from"


@dataclass(frozen=True)
class PrepareSettings:
    """How images are prepared.

    Attributes:
        side: pixels of the longer side at most; smaller images keep their size.
        bits: a pixel, 8 or 16.
    """

    side: int = 512
    bits: Literal[8, 16] = 8


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare` made.

    Attributes:
        manifest: its records point to the prepared images.
        intakes: how many images of each source were read and kept, and why not all.
        dropped: every image that is missing from the manifest, with its source.
        held: how many were there already.
        bytes_before, bytes_after: of the files.
    """

    manifest: Manifest
    intakes: tuple[Intake, ...]
    dropped: tuple[tuple[str, Dropped], ...]
    held: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True)
class Speed:
    """How long one thread takes to make pixels of files that are in memory.

    Attributes:
        files: how many were timed.
        median_before, median_after: milliseconds to decode and resize an original, and to decode
            a prepared image.
        mean_before, mean_after: likewise; what counts for an epoch.
    """

    files: int
    median_before: float
    median_after: float
    mean_before: float
    mean_after: float


@dataclass(frozen=True, slots=True)
class _Done:
    record: Record
    held: bool
    bytes_before: int
    bytes_after: int


def prepare(
    manifest: Manifest,
    folder: Path,
    settings: PrepareSettings,
    *,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, total: items,
) -> Prepared:
    """Write each record's image, as :func:`fractura.imaging.load.load` reads it, to ``images/``.

    The longer side is at most ``settings.side``, by
    :func:`fractura.imaging.preprocess.resize_long_side`. A file is
    called after the original's SHA-256 and the settings; one that is there already is not made
    again. Annotations, size, depth, format and SHA-256 of the records become those of the
    prepared image; ``extra["prepared_from"]`` is the original's SHA-256.

    Raises:
        FracturaError: no image can be read.
        SaveError: a file cannot be written.
    """
    make_folder(folder / "images")
    there = {path.name for path in (folder / "images").iterdir()}

    def work(record: Record) -> _Done | Dropped:
        try:
            return _prepare(record, folder / "images", settings, there)
        except LoadError as error:
            return Dropped(str(error), _REASONS[type(error)])

    records = manifest.records
    with closing(map_in_order(work, records, processors())) as outcomes:
        pairs = list(zip(records, progress(outcomes, len(records)), strict=True))
    done = [outcome for _, outcome in pairs if isinstance(outcome, _Done)]
    dropped = [(record.source, item) for record, item in pairs if isinstance(item, Dropped)]
    if dropped and not done:
        raise FracturaError(f"no image can be prepared; the first: {dropped[0][1].what}")
    intakes = {intake.name: intake for intake in _intakes(manifest, dropped)}
    merged = (
        _merged(before, intakes[before.name]) if before.name in intakes else before
        for before in manifest.intakes
    )
    return Prepared(
        Manifest(tuple(item.record for item in done), tuple(merged)),
        tuple(intakes.values()),
        tuple(dropped),
        sum(item.held for item in done),
        sum(item.bytes_before for item in done),
        sum(item.bytes_after for item in done),
    )


def measure_speed(
    before: Sequence[Record], after: Sequence[Record], settings: PrepareSettings
) -> Speed | None:
    """Time up to :data:`SAMPLE` records, spread over those in ``after``, whose originals are there.

    Args:
        before: the records that were prepared.
        after: those of the prepared images.
        settings: with which they were prepared.
    """
    originals = {record.id: record.path for record in before if record.path.is_file()}
    there = [record for record in after if record.id in originals]
    times: list[tuple[float, float]] = []
    for record in there[:: -(-len(there) // SAMPLE) or 1]:
        data = originals[record.id].read_bytes()
        start = perf_counter()
        _shrink(load_bytes(data).pixels, settings.side)
        between = perf_counter()
        smaller = record.path.read_bytes()
        again = perf_counter()
        load_bytes(smaller)
        times.append((between - start, perf_counter() - again))
    if not times:
        return None
    slow, fast = (tuple(1000 * time for time in column) for column in zip(*times, strict=True))
    return Speed(len(times), median(slow), median(fast), fmean(slow), fmean(fast))


def _prepare(
    record: Record, folder: Path, settings: PrepareSettings, there: Collection[str]
) -> _Done | Dropped:
    size, target = (record.width, record.height), _target(record.sha256, folder, settings)
    held = target.name in there and None not in size
    before = record.path.stat().st_size if record.path.is_file() else 0
    digest = record.sha256
    if not held:
        original = load(record.path)
        digest, size = original.sha256, (original.width, original.height)
        if record.sha256 not in (None, digest):
            return Dropped(f"{record.path}: its SHA-256 is {digest}", _CHANGED)
        target = _target(digest, folder, settings)
        small = _shrink(original.pixels, settings.side)
        save_png(target, to_16_bit(small) if settings.bits == 16 else to_8_bit(small))
    data = target.read_bytes()
    head = read_head(data)
    fresh = replace(
        record,
        path=target,
        sha256=hashlib.sha256(data).hexdigest(),
        annotations=_scaled(record.annotations, head.width, head.height, size),
        extra={**record.extra, "prepared_from": digest or ""},
        **head.fields(),
    )
    return _Done(fresh, held, before, len(data))


def _target(sha256: str | None, folder: Path, settings: PrepareSettings) -> Path:
    return folder / f"{sha256}-{settings.side}-{settings.bits}.png"


def _shrink(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return resize_long_side(pixels, min(side, max(pixels.shape)))


def _scaled(
    annotations: tuple[Annotation, ...] | None,
    width: int,
    height: int,
    before: tuple[int | None, int | None],
) -> tuple[Annotation, ...] | None:
    if annotations is None:
        return None
    x_scale, y_scale = width / (before[0] or width), height / (before[1] or height)
    return tuple(
        replace(
            mark,
            box=Box(
                mark.box.x_min * x_scale,
                mark.box.y_min * y_scale,
                mark.box.x_max * x_scale,
                mark.box.y_max * y_scale,
            ),
            outlines=tuple(
                tuple((x * x_scale, y * y_scale) for x, y in outline) for outline in mark.outlines
            ),
        )
        for mark in annotations
    )


def _intakes(manifest: Manifest, dropped: Sequence[tuple[str, Dropped]]) -> Iterator[Intake]:
    """How the records of each source came through."""
    known = {intake.name: intake for intake in manifest.intakes}
    for name, read in sorted(Counter(record.source for record in manifest.records).items()):
        reasons = Counter(item.reason for source, item in dropped if source == name)
        origin = known.get(name, Intake(name, "", "", None, read, read))
        yield replace(
            origin, read=read, kept=read - reasons.total(), dropped=dict(reasons), unknown=0
        )


def _merged(before: Intake, now: Intake) -> Intake:
    return replace(
        before, kept=now.kept, dropped=dict(Counter(before.dropped) + Counter(now.dropped))
    )
