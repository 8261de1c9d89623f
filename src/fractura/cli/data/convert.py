"""``fractura data convert``: a manifest as files that other programs read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.convert.place import Written
    from fractura.datasets.convert.select import Selection


class _To(StrEnum):
    COCO = "coco"
    YOLO = "yolo"
    FOLDERS = "folders"


class _Images(StrEnum):
    LINK = "link"
    COPY = "copy"
    NONE = "none"


def convert(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="A manifest that has been split.")
    ],
    to: Annotated[
        _To,
        typer.Option(help="COCO's JSON, YOLO's text files, or a folder for each split and label."),
    ],
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="A new or empty folder.")
    ],
    images: Annotated[
        _Images,
        typer.Option(help="Link to the images, copy them, or write what is said of them alone."),
    ] = _Images.LINK,
    polygons: Annotated[
        bool, typer.Option("--polygons", help="YOLO: outlines instead of boxes.")
    ] = False,
) -> None:
    """Write a manifest in a layout that other programs read.

    Each split of the manifest becomes one of the layout. An abnormal image never becomes a
    fractured one. What a layout cannot say is skipped and counted: COCO and YOLO take an image
    without marks for one without fractures. Images that PIL, OpenCV and torchvision would read
    differently, or not at all (DICOM, JPEG turned by EXIF, 16 bits, …), are rendered as PNG.

    \b
    fractura data convert s.parquet --to coco --out coco/
    fractura data convert s.parquet --to yolo --polygons --images copy --out yolo/
    fractura data convert s.parquet --to folders --out folders/
    """
    from fractura.datasets.convert.coco import write_coco
    from fractura.datasets.convert.folders import write_folders
    from fractura.datasets.convert.select import select
    from fractura.datasets.convert.yolo import write_yolo
    from fractura.datasets.storage import read_manifest

    if polygons and to is not _To.YOLO:
        raise WrongUsageError("--polygons changes YOLO's files alone; COCO's always have them")
    if to is _To.FOLDERS and images is _Images.NONE:
        raise WrongUsageError("class folders are made of images; choose --images link or copy")
    selection = select(read_manifest(manifest).records, detection=to is not _To.FOLDERS)
    writers: dict[_To, Callable[..., Written]] = {
        _To.COCO: write_coco,
        _To.YOLO: partial(write_yolo, polygons=polygons),
        _To.FOLDERS: write_folders,
    }
    total = len(selection.items)
    written = writers[to](
        selection.items, out, images.value, lambda items: with_progress(items, total, "Converting")
    )
    _show_summary(selection, written)
    show(f"Written to {printable(str(out))}.")
    if written.skipped:
        raise typer.Exit(1)


def _show_summary(selection: Selection, written: Written) -> None:
    counts = Counter((item.split, item.record.label) for item in written.items)
    for split in dict.fromkeys(item.split for item in written.items):
        labels = ", ".join(
            f"{count:,} {label}" for (part, label), count in sorted(counts.items()) if part == split
        )
        show(f"{split}: {labels}.")
    for reason, count in selection.skipped.most_common():
        show(f"Skipped: {count:,} images {reason}.")
    firsts = {one.reason: one.what for one in reversed(written.skipped)}
    for reason, count in Counter(one.reason for one in written.skipped).most_common():
        first = printable(firsts[reason])
        show(f"Skipped: {count:,} images {reason}, the first is {first}.", "magenta")
    for reason, count in (+selection.changed).most_common():
        show(f"Changed: {count:,} {reason}.")
    if written.rendered:
        show(f"Rendered as PNG: {written.rendered:,} images that programs read unlike, or not.")
    if written.unlike:
        show(
            f"Left as they are: {written.unlike:,} images that programs read unlike, or not; "
            "--images link or copy renders them."
        )
