"""``fractura detect``: read radiographs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.batch.paths import find_inputs
from fractura.cli.terminal import NOTICE, show, show_boxes, show_head, show_outcome
from fractura.errors import WrongUsageError
from fractura.findings import Failure, Reading
from fractura.progress import with_progress

if TYPE_CHECKING:
    from fractura.batch.results import Results
    from fractura.imaging.radiograph import Radiograph
    from fractura.reading.calibration import OperatingPoints


@dataclass(frozen=True, slots=True)
class _Options:
    """What, besides the file, decides how it is read and drawn."""

    model: str
    frame: int | None
    all_findings: bool
    heatmap: bool
    compare: bool


def detect(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Image and DICOM files, folders with them, or patterns (*.dcm). "
            "With --ray also manifests and addresses (s3://bucket/prefix).",
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line instead of a table.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write readings.jsonl, readings.csv and pictures/ here. "
            "What is there already and unchanged is not read again.",
        ),
    ] = None,
    heatmap: Annotated[
        bool, typer.Option("--heatmap", help="Show in the pictures where the model saw evidence.")
    ] = False,
    compare: Annotated[
        bool,
        typer.Option("--compare", help="Draw original, enhanced and reading side by side."),
    ] = False,
    all_findings: Annotated[
        bool,
        typer.Option(
            "--all-findings", help="List findings down to a score of 0.001, for evaluation."
        ),
    ] = False,
    frame: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Read this frame of files with several, from 1."),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME|PATH", help="A shipped model or an exported ONNX file.")
    ] = "fractura-s",
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Files read at once; by default one a processor."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Read millions of files with Ray: local, auto or a cluster's address. "
            "Writes readings-*.jsonl and summary.json into DIR, and no pictures.",
        ),
    ] = None,
) -> None:
    """Read radiographs: is there a fracture, how likely, and where?

    \b
    fractura detect wrist.png
    fractura detect study/ --out results/ --heatmap
    fractura detect "export/**/*.dcm" --json > readings.jsonl
    fractura detect --ray auto archive.parquet --out readings/

    Exit status: 0 all files were read, 1 some could not be read, 2 wrong usage or nothing to read.
    """
    if ray is not None:
        from fractura.cli.detect_on_ray import detect_on_ray

        if out is None or as_json or heatmap or compare:
            raise WrongUsageError(
                "--ray writes into --out DIR, and neither prints JSON nor draws; "
                "leave out --json, --heatmap and --compare"
            )
        detect_on_ray(paths, out, ray, workers, model, frame=frame, all_findings=all_findings)
        return
    if out is None and (heatmap or compare):
        raise WrongUsageError("--heatmap and --compare change pictures; say where with --out DIR")
    options = _Options(model, frame, all_findings, heatmap, compare)
    inputs = find_inputs(paths)
    with ExitStack() as stack:
        results = stack.enter_context(_open_results(out, options)) if out else None
        files = [item for item in inputs if isinstance(item, str)]
        held: set[str] = set()
        if results:
            checked = with_progress(files, len(files), "Checking")
            held = {path for path in checked if results.holds(path)}
        fresh = _read([path for path in files if path not in held], results, options, workers, ctx)
        outcomes = _outcomes(inputs, held, results, stack.enter_context(closing(fresh)))
        # On a terminal the lines themselves show the progress.
        total = 0 if as_json and sys.stdout.isatty() else len(inputs)
        kinds: Counter[str] = Counter()
        for outcome in stack.enter_context(closing(with_progress(outcomes, total, "Reading"))):
            if as_json:
                typer.echo(json.dumps(outcome.as_dict()))
            else:
                if not kinds:
                    show_head()
                show_outcome(outcome)
                if len(inputs) == 1 and isinstance(outcome, Reading):
                    show_boxes(outcome)
            kinds["failed" if isinstance(outcome, Failure) else outcome.decision] += 1
    if not as_json:
        _show_summary(kinds, len(held), out)
    if kinds["failed"]:
        raise typer.Exit(1)


def _open_results(out: Path, options: _Options) -> Results:
    from hashlib import sha256

    from fractura.batch.results import Results
    from fractura.reading.model import model_path
    from fractura.version import __version__

    model = sha256(model_path(options.model).read_bytes()).hexdigest()
    return Results(out, json.dumps([__version__, asdict(replace(options, model=model))]))


def _outcomes(
    inputs: Sequence[str | Failure],
    held: set[str],
    results: Results | None,
    fresh: Iterator[Reading | Failure],
) -> Iterator[Reading | Failure]:
    """Outcomes in the order of the inputs: those ``held`` by the results, else the fresh ones."""
    for item in inputs:
        if results and item in held:
            yield results.reading(str(item))
            continue
        outcome = item if isinstance(item, Failure) else next(fresh)
        if results:
            results.add(outcome)
        yield outcome


def _read(
    paths: Sequence[str],
    results: Results | None,
    options: _Options,
    workers: int | None,
    ctx: typer.Context,
) -> Generator[Reading | Failure, None, None]:
    if not paths:
        return
    import cv2

    from fractura.batch.read_files import read_files
    from fractura.parallel import processors
    from fractura.reading.reader import Reader

    workers = min(workers or processors(), len(paths))
    if workers > 1:
        cv2.setNumThreads(1)
    reader = Reader(options.model, threads=1 if workers > 1 else None)
    points = reader.description.operating_points
    yield from read_files(
        reader,
        paths,
        workers=workers,
        frame=options.frame,
        all_findings=options.all_findings,
        heatmap=options.heatmap,
        finish=partial(_save_picture, results, points, options.compare) if results else None,
        debug=ctx.obj,
    )


def _save_picture(
    results: Results,
    points: OperatingPoints,
    compare: bool,
    radiograph: Radiograph,
    reading: Reading,
) -> Reading:
    from fractura.batch.pictures import draw_reading
    from fractura.imaging.save import save_png

    picture = draw_reading(radiograph, reading, points, compare=compare)
    save_png(results.picture(str(reading.path)), picture)
    return replace(reading, heatmap=None)


def _show_summary(kinds: Counter[str], held: int, out: Path | None) -> None:
    total = kinds.total()
    if total > 1:
        order = ("fracture", "uncertain", "no fracture", "not evaluated", "failed")
        parts = ", ".join(f"{kinds[kind]} {kind}" for kind in order if kinds[kind])
        already = f" {held} had been read before." if held else ""
        show(f"\n{total} files: {parts}.{already}")
    if out:
        show(f"Written to {out}: readings.jsonl, readings.csv and pictures/.")
    else:
        show("Pictures with the places marked: add --out DIR.")
    show(NOTICE)
