"""``fractura detect --ray``: read millions of radiographs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import typer

from fractura.batch.input_sources import fetch, find_files
from fractura.batch.ray import (
    BatchItem,
    BatchOutcome,
    BatchSettings,
    answer,
    cluster,
    read_with_ray,
    settings_for,
)
from fractura.batch.shards import KINDS, Shards
from fractura.cli.terminal import NOTICE, show
from fractura.errors import WrongUsageError
from fractura.findings import Failure
from fractura.progress import with_progress


def detect_on_ray(
    paths: Sequence[str],
    out: Path,
    address: str,
    workers: int | None,
    model: str,
    *,
    frame: int | None,
    all_findings: bool,
) -> None:
    """Read what the paths stand for, write it into ``out`` and print the sum of it.

    Raises:
        WrongUsageError: there is nothing to read, or ``out`` holds other results.
        ModelError: the model cannot be opened, or is another on a machine of the cluster.
        FracturaError: Ray is missing, does not answer or stops, or a table is damaged.
        typer.Exit: with 1, some files could not be read.
    """
    settings = settings_for(model, frame=frame, all_findings=all_findings)
    found = _not_empty(find_files(paths), paths)
    kinds: Counter[str] = Counter()
    held = 0
    with (
        Shards(out, settings) as shards,
        cluster(address, workers) as count,
        closing(_answers(found, shards, settings, count)) as answers,
    ):

        def files() -> Iterator[int]:
            nonlocal held
            for said in answers:
                shards.add(said)
                kinds.update(said.read + said.held)
                held += said.held.total()
                yield from range(said.files)

        for _ in with_progress(files(), None, "Reading"):
            pass
    parts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in KINDS if kinds[kind])
    already = f" {held:,} had been read before." if held else ""
    show(f"{kinds.total():,} files: {parts}.{already}")
    show(f"Written to {out}: readings-*.jsonl and summary.json.")
    show(NOTICE)
    if kinds["failed"]:
        raise typer.Exit(1)


def _not_empty(found: Iterator[str | Failure], paths: Sequence[str]) -> Iterator[str | Failure]:
    """The same, after a look at the first file."""
    first: list[str | Failure] = []
    for item in found:
        first.append(item)
        if isinstance(item, str):
            return chain(first, found)
    reasons = "; ".join(item.message for item in first if isinstance(item, Failure))
    raise WrongUsageError(
        f"there is nothing to read: {reasons or 'no radiograph in ' + ', '.join(paths)}"
    )


def _answers(
    found: Iterable[str | Failure], shards: Shards, settings: BatchSettings, workers: int
) -> Generator[BatchOutcome, None, None]:
    missing: list[Failure] = []

    def entries() -> Iterator[BatchItem]:
        for item in found:
            if isinstance(item, Failure):
                missing.append(item)
            else:
                yield shards.entry(item)

    yield from read_with_ray(entries(), settings, workers, fetch=fetch)
    yield answer((shards.entry(item.path), item) for item in missing)
