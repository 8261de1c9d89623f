"""``fractura calibrate``: make a model's probabilities fit a site's own cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fractura.cli.terminal import show
from fractura.errors import WrongUsageError
from fractura.progress import with_progress
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.datasets.record import Record
    from fractura.evaluation.predictions.gather import Predictions
    from fractura.reading.model import ModelDescription


def calibrate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|ANSWERS",
            help="A shipped model's name, an exported ONNX file, or the answers of any system "
            "(readings.jsonl, CSV, COCO results, YOLO folder).",
        ),
    ],
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="Labelled radiographs of the site, split.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="What to write: .onnx the recalibrated model, .csv recalibrated probabilities, "
            ".json the calibration.",
        ),
    ],
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="The split whose cases are fitted.")
    ] = "valid",
    method: Annotated[
        Literal["platt", "isotonic", "temperature"],
        typer.Option(help="How: two numbers, a staircase, or one number."),
    ] = "platt",
    over_sources: Annotated[
        bool,
        typer.Option(
            "--over-sources",
            help="Keep the probabilities; choose thresholds and the limits of the scope so that "
            "they hold in every source of the manifest.",
        ),
    ] = False,
) -> None:
    """Recalibrate a model on a site's own cases, and say what that brings.

    The figures after it are cross-fitted: each case is judged by a fit on others. Over sources,
    the table that is printed is of the radiographs on which was chosen.

    \b
    fractura calibrate fractura-s site.parquet --out site.onnx
    fractura detect --model site.onnx wrist.png
    fractura calibrate model.onnx sources.parquet --over-sources --out model.onnx
    fractura calibrate theirs.csv site.parquet --method isotonic --out better.csv
    fractura evaluate better.csv site.parquet --split test --out report/

    Exit status: 0 all is well, 1 a file cannot be read or written, 2 wrong usage.
    """
    from fractura.datasets.storage import read_manifest
    from fractura.evaluation.calibrate import calibrate as fit
    from fractura.evaluation.calibrate import (
        recalibrated,
        recalibrated_description,
        write_calibration,
        write_probabilities,
        write_recalibrated_model,
    )
    from fractura.evaluation.predictions.model import is_model
    from fractura.reading.model import Model

    kind = out.suffix.lower()
    if kind not in (".onnx", ".csv", ".json"):
        raise WrongUsageError(f"{out} is none of .onnx, .csv and .json; its end says what to write")
    reads = is_model(source)
    if kind == ".onnx" and not reads:
        raise WrongUsageError(f"{source} is no model file of fractura; write .csv or .json")
    if kind == ".onnx" and method == "isotonic":
        raise WrongUsageError(
            "isotonic regression cannot be stored in a model file; write .csv or .json, or take "
            "--method platt"
        )
    table = read_manifest(manifest)
    asked = [record for record in table.records if record.split == split]
    if not asked:
        raise WrongUsageError(f"{manifest} has no radiograph in split {split}; split it first")
    if over_sources:
        if kind != ".onnx":
            raise WrongUsageError(
                f"{out}: thresholds over sources go into a model; end it in .onnx"
            )
        _calibrate_over_sources(source, asked, out)
        return
    description = Model(source, 1).description if reads else None
    answers = _answers(source, description, asked)
    cases = answers.cases
    fitted, content = fit(cases, method)
    content |= {"manifest": table.content_hash, "split": split}
    content["notes"] += [*_silence(answers), *_seen(description, table.records, asked)]
    _show(content)
    if kind == ".json":
        write_calibration(out, content)
    elif kind == ".csv":
        every = cases if reads else _answers(source, None, table.records).cases
        write_probabilities(out, every, recalibrated(every, cases, fitted), method)
    else:
        assert description is not None
        changed = recalibrated_description(description, cases, fitted, content)
        write_recalibrated_model(source, changed, out)
        points = changed.operating_points
        show(
            f"Uncertain from {points.high_sensitivity.probability:.4f} on, a fracture from "
            f"{points.high_specificity.probability:.4f} on."
        )
    show(f"Written to {printable(str(out))}.")


def _calibrate_over_sources(source: str, records: Sequence[Record], out: Path) -> None:
    from fractura.evaluation.calibrate import write_recalibrated_model
    from fractura.evaluation.over_sources import fit_over_sources, look_at
    from fractura.reading.reader import Reader

    reader = Reader(source, threads=1)
    looks, lost = look_at(reader, records, with_progress)
    for sentence in lost:
        typer.echo(printable(sentence), err=True)
    description, told = fit_over_sources(reader.description, looks)
    show(f"Uncertain from {told['suspicious']:.4f} on, a fracture from {told['definite']:.4f} on.")
    head = ("SOURCE", "FRACTURED", "MISSED", "DEFINITE", "NORMAL", "SPARED", "FALSE DEFINITE")
    show("  ".join(f"{word:>14}" for word in head))
    for name, figures in told["sources"].items():
        keys = ("fractured", "missed", "definite", "normal", "specificity", "false_definite")
        cells = [_cell(figures[key]) for key in keys]
        show("  ".join(f"{cell:>14}" for cell in (printable(name), *cells)))
    write_recalibrated_model(source, description, out)
    show(f"Written to {printable(str(out))}.")


def _cell(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _answers(
    source: str, description: ModelDescription | None, records: Sequence[Record]
) -> Predictions:
    from fractura.evaluation.predictions.model import read_with
    from fractura.evaluation.predictions.read import read_predictions_of

    if description is None:
        return read_predictions_of(Path(source), records)
    return read_with(source, records, progress=with_progress)


def _silence(answers: Predictions) -> list[str]:
    missing = len(answers.unanswered)
    unanswered = [f"{missing:,} cases have no answer and are left out."] if missing else []
    return [*unanswered, *answers.notes]


def _seen(
    description: ModelDescription | None, records: Sequence[Record], asked: Sequence[Record]
) -> list[str]:
    """A warning where the model knows the cases from training, and seems surer than it is."""
    from fractura.evaluation.leaks import find_leak, seen_in_training
    from fractura.reading.trained_on import trained_on

    known = trained_on(description.provenance) if description else None
    leak = find_leak(asked, seen_in_training(records, known, asked))
    if leak is None:
        return []
    return [f"Fitted on cases that the model may know, it will be too sure: {leak.sentence}."]


def _show(content: dict[str, Any]) -> None:
    show(
        f"{content['cases']:,} cases, {content['positives']:,} with {content['looked_for']}, "
        f"in {content['clusters']:,} clusters"
    )
    figures = content["figures"]
    for part in ("before", "after", "change"):
        for name, figure in (figures[part] or {}).items():
            words = name.replace("_", " ")
            low, high = figure["low"], figure["high"]
            interval = "" if low is None else f"[{low:.4f}, {high:.4f}]"
            show(f"  {words:<18} {part:<7} {figure['value']:>8.4f} {interval}")
    for note in content["notes"]:
        typer.echo(printable(note), err=True)
