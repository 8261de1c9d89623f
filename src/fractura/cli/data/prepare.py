"""``fractura data prepare``: decode and shrink every image once, for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.progress import with_progress
from fractura.text import printable


def prepare(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="What to prepare.")],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Gets images/ and manifest.parquet. What is there already is not made again.",
        ),
    ],
    side: Annotated[
        int,
        typer.Option(
            min=16,
            metavar="PIXELS",
            help="Of the longer side at most; smaller images keep their size.",
        ),
    ] = 512,
    bits: Annotated[int, typer.Option(metavar="8|16", help="A pixel.")] = 8,
) -> None:
    """Decode and shrink every image once, so that training need not do it in every epoch.

    The new manifest points to the new images; boxes and outlines shrink with them. A file that
    cannot be read is left out, and dropped.csv says why.

    \b
    fractura data prepare s.parquet --out prepared/ --side 512
    fractura data prepare s.parquet --out prepared/ --side 1024 --bits 16

    Exit status: 0 all is well, 1 some files cannot be read, 2 wrong usage.
    """
    import cv2

    from fractura.datasets.prepare import PrepareSettings, measure_speed
    from fractura.datasets.prepare import prepare as prepare_images
    from fractura.datasets.storage import check_target, read_manifest, write_dropped, write_manifest

    if bits not in (8, 16):
        raise WrongUsageError(f"--bits {bits}: an image is prepared with 8 or 16 bits a pixel")
    target = out / "manifest.parquet"
    check_target(target)
    if target.resolve() == manifest.resolve():
        raise WrongUsageError(f"{out} holds the manifest to prepare; choose another folder")
    read = read_manifest(manifest)
    cv2.setNumThreads(1)
    settings = PrepareSettings(side, 16 if bits == 16 else 8)
    made = prepare_images(
        read,
        out,
        settings,
        progress=lambda items, total: with_progress(items, total, "Preparing"),
    )
    write_manifest(target, made.manifest)
    write_dropped(out / "dropped.csv", made.dropped)
    for intake in made.intakes:
        show(printable(intake.sentence()))
    if made.held:
        show(f"{made.held:,} had been prepared before.")
    count = len(made.manifest.records)
    show(
        f"{count:,} images, {made.bytes_before / 1e6:,.1f} MB before, "
        f"{made.bytes_after / 1e6:,.1f} MB after."
    )
    speed = measure_speed(read.records, made.manifest.records, settings)
    if speed is not None:
        show(
            f"Loading one takes {speed.median_after:.1f} ms, not {speed.median_before:.1f} ms "
            f"(medians of {speed.files:,}, one thread), all of them "
            f"{count * speed.mean_after / 1000:,.1f} s, not "
            f"{count * speed.mean_before / 1000:,.1f} s."
        )
        if speed.mean_after > speed.mean_before:
            show("These images are quicker to read as they were: small JPEG files need no cache.")
    show(f"Written to {printable(str(target))}.")
    if made.dropped:
        show(f"What was left out, and why: {printable(str(out / 'dropped.csv'))}.")
        raise typer.Exit(1)
