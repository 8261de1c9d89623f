"""Predictions of a shipped or exported model, which reads the radiographs itself."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from fractura.atomic_write import whole_file
from fractura.batch.read_files import failure, read_files
from fractura.datasets.record import Record
from fractura.datasets.target import ABNORMAL, FRACTURE, FRACTURES
from fractura.errors import FracturaError
from fractura.evaluation.cases import is_positive
from fractura.evaluation.predictions.gather import Predictions
from fractura.evaluation.predictions.jsonl import Lines
from fractura.imaging.load import load
from fractura.parallel import map_in_order, processors
from fractura.progress import Progress
from fractura.reading.classify import ClassReader
from fractura.reading.model import Model, shipped_models
from fractura.reading.reader import Reader

_DECIMALS = 5
Outcomes = Generator[dict[str, Any], None, None]


def read_with(
    model: str | Path,
    records: Sequence[Record],
    *,
    workers: int | None = None,
    readings: Path | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """Let a model read every record whose label tells of what the model looks for.

    All findings down to a score of 0.001 are kept; decisions are the model's own. A file that
    cannot be read leaves its record unanswered. Numbers are rounded as readings are written, so
    that the file of readings measured again gives the same figures.

    Args:
        model: a shipped model's name, or the path of an exported model that looks for fractures
            or abnormality.
        records: of the split.
        workers: radiographs read at once; by default one a processor.
        readings: write what the model says here, a line a radiograph, for
            :func:`fractura.evaluation.predictions.read.read_predictions_of`.
        progress: shows how far it is.

    Raises:
        FracturaError: the model cannot be opened or looks for something else, ``readings`` cannot
            be written, or no label tells.
    """
    looked_for = looks_for(model)
    lines = Lines(str(model), records, looked_for)
    chosen = [
        index for index, one in enumerate(records) if is_positive(one, looked_for) is not None
    ]
    paths = [str(records[index].path) for index in chosen]
    if not paths:
        raise FracturaError(f"no label tells of {looked_for}; choose another split")
    workers = min(workers or processors(), len(paths))
    read = _detect if looked_for == FRACTURE else _classify
    with ExitStack() as stack:
        file = stack.enter_context(whole_file(readings)) if readings else None
        outcomes = stack.enter_context(closing(read(model, paths, workers)))
        shown = progress(outcomes, len(paths), "Reading") if progress else outcomes
        for number, (index, data) in enumerate(zip(chosen, shown, strict=True), 1):
            if file:
                file.write(json.dumps(data).encode() + b"\n")
            lines.add(data, number, index)
    return lines.finish()


def is_model(source: str) -> bool:
    """Whether a source is a shipped model's name or a model file, not a table of answers."""
    return source in shipped_models() or Path(source).suffix in (".onnx", ".xml")


def looks_for(model: str | Path) -> str:
    """``"fracture"`` or ``"abnormal"``.

    Raises:
        FracturaError: the model cannot be opened, or looks for neither.
    """
    task = Model(model, 1).description.task
    if task in FRACTURES:
        return FRACTURE
    if task == "abnormality":
        return ABNORMAL
    raise FracturaError(
        f"{model} tells {task}, not whether something is broken or abnormal; give the run folder "
        "that it comes from"
    )


def _detect(model: str | Path, paths: Sequence[str], workers: int) -> Outcomes:
    reader = Reader(model, threads=1)
    with closing(read_files(reader, paths, workers=workers, all_findings=True)) as outcomes:
        for outcome in outcomes:
            yield outcome.as_dict()


def _classify(model: str | Path, paths: Sequence[str], workers: int) -> Outcomes:
    classifier = ClassReader(model, threads=1)
    name = f"{classifier.description.name} {classifier.description.version}"

    def read(path: str) -> dict[str, Any]:
        try:
            radiograph = load(path)
            shares = classifier.classify(radiograph)
        except Exception as error:
            return failure(path, error).as_dict()
        return {
            "path": path,
            "sha256": radiograph.sha256,
            "model": name,
            "probabilities": {one: round(share, _DECIMALS) for one, share in shares.items()},
            "warnings": list(radiograph.warnings),
        }

    with closing(map_in_order(read, paths, workers)) as outcomes:
        yield from outcomes
