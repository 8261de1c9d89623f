"""``fractura predict``: the class of radiographs."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fractura.batch.paths import find_inputs
from fractura.cli.terminal import NOTICE, show
from fractura.errors import WrongUsageError
from fractura.findings import Failure
from fractura.progress import with_progress
from fractura.spreadsheet import write_rows
from fractura.text import printable

if TYPE_CHECKING:
    from fractura.reading.classify import ClassReader

Form = Literal["table", "json", "csv"]


@dataclass(frozen=True, slots=True)
class _Prediction:
    """The probability of each class for one file."""

    path: str
    sha256: str
    model: str
    probabilities: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def best(self) -> str:
        return max(self.probabilities, key=lambda name: self.probabilities[name])

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "sha256": self.sha256,
            "model": self.model,
            "class": self.best,
            "probabilities": {name: round(p, 5) for name, p in self.probabilities.items()},
            "warnings": list(self.warnings),
        }


def predict(
    ctx: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A classification model from fractura export.")
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH", help="Image and DICOM files, folders with them, or patterns (*.dcm)."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line instead of a table.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of a table.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Write JSON lines, or CSV if its name ends in .csv, here; print the table.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Files read at once; by default one a processor."),
    ] = None,
) -> None:
    """Give radiographs the probability of each class of a model.

    \b
    fractura predict region.onnx wrist.png
    fractura predict region.onnx study/ --out classes.csv
    fractura predict region.onnx "export/**/*.dcm" --json > classes.jsonl

    Exit status: 0 all files were read, 1 some could not be read, 2 wrong usage or nothing to read.
    """
    from fractura.atomic_write import whole_file
    from fractura.parallel import processors
    from fractura.reading.classify import ClassReader

    if as_json and as_csv:
        raise WrongUsageError("--json and --csv are two forms; choose one")
    chosen: Form = "csv" if as_csv else "json" if as_json else "table"
    stored: Form = "csv" if as_csv or (out and out.suffix == ".csv" and not as_json) else "json"
    printed = "table" if out else chosen
    inputs = find_inputs(paths)
    workers = min(workers or processors(), len(inputs))
    classifier = ClassReader(model, threads=1 if workers > 1 else None)
    classes = classifier.description.classes
    failed = 0
    with ExitStack() as stack:
        file = stack.enter_context(whole_file(out)) if out else None
        if file and (head := _head(stored, classes)):
            file.write(head.encode())
        if head := _head(printed, classes):
            typer.echo(head, nl=False)
        outcomes = stack.enter_context(closing(_classify(classifier, inputs, workers, ctx.obj)))
        for outcome in with_progress(outcomes, len(inputs), "Reading"):
            failed += isinstance(outcome, Failure)
            if file:
                file.write(_line(stored, outcome, classes).encode(errors="backslashreplace"))
            typer.echo(_line(printed, outcome, classes), nl=False)
    if printed == "table":
        show(f"\nWritten to {out}.\n{NOTICE}" if out else f"\n{NOTICE}")
    if failed:
        raise typer.Exit(1)


def _classify(
    classifier: ClassReader, inputs: Iterable[str | Failure], workers: int, debug: bool
) -> Generator[_Prediction | Failure, None, None]:
    from fractura.batch.read_files import failure
    from fractura.imaging.load import load
    from fractura.parallel import map_in_order

    model = f"{classifier.description.name} {classifier.description.version}"

    def read(item: str | Failure) -> _Prediction | Failure:
        if isinstance(item, Failure):
            return item
        try:
            radiograph = load(item)
            shares = classifier.classify(radiograph)
        except Exception as error:
            return failure(item, error, debug=debug)
        return _Prediction(item, radiograph.sha256, model, shares, radiograph.warnings)

    return map_in_order(read, inputs, workers)


def _head(form: str, classes: Sequence[str]) -> str:
    if form == "table":
        return _ROW.format("CLASS", "PROBABILITY", "FILE")
    columns = ("path", "class", *classes, "model", "sha256", "warnings", "error_type", "error")
    return _csv(columns) if form == "csv" else ""


_ROW = "{:<18}  {:>11}  {}\n"


def _line(form: str, outcome: _Prediction | Failure, classes: Sequence[str]) -> str:
    if form == "json":
        return json.dumps(outcome.as_dict()) + "\n"
    if form == "csv":
        return _csv(_cells(outcome, classes))
    if isinstance(outcome, Failure):
        return _ROW.format("failed", "", printable(outcome.message))
    rows = [(outcome.best, f"{outcome.probabilities[outcome.best]:.2f}", printable(outcome.path))]
    others = {name: p for name, p in outcome.probabilities.items() if name != outcome.best}
    likely = sorted(others, key=lambda name: -others[name])
    rows += [(f"  {name}", f"{others[name]:.2f}", "") for name in likely]
    rows += [("", "", f"warning: {printable(warning)}") for warning in outcome.warnings]
    return "".join(_ROW.format(*row).rstrip() + "\n" for row in rows)


def _cells(outcome: _Prediction | Failure, classes: Sequence[str]) -> list[Any]:
    if isinstance(outcome, Failure):
        blank = [""] * (len(classes) + 4)
        return [outcome.path, *blank, outcome.type, outcome.message]
    shares = [round(outcome.probabilities[name], 5) for name in classes]
    warnings = "; ".join(outcome.warnings)
    return [outcome.path, outcome.best, *shares, outcome.model, outcome.sha256, warnings, "", ""]


def _csv(cells: Sequence[Any]) -> str:
    text = StringIO()
    write_rows(text, [cells])
    return text.getvalue()
