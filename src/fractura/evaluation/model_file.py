"""Measure an exported or shipped model on labelled radiographs, as its user would read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.evaluation.run_scorecard import Cost, Provenance, detection_scorecard
from fractura.evaluation.scorecard import cluster, match_reading
from fractura.findings import Reading
from fractura.reading.model import ModelDescription, model_path
from fractura.reading.reader import Reader

OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""Least overlaps over which COCO averages."""


def measure_model(
    model: str | Path, records: Sequence[Record], manifest: str, split: str
) -> dict[str, Any]:
    """The scorecard of a model that finds boxes.

    Args:
        model: a shipped model's name, or the path of an exported file.
        records: labelled as fractured or not.
        manifest: content hash of their manifest.
        split: name of the records' split.

    Raises:
        FracturaError: the model finds no boxes, a file cannot be read, or a label does not tell.
    """
    reader = Reader(model, threads=1)
    description = reader.description
    if description.task not in ("multi-task", "detection"):
        raise FracturaError(f"{model} finds no boxes; give the run folder that it comes from")
    if any(record.fractured is None for record in records):
        raise FracturaError("a label does not tell whether there is a fracture; leave it out")
    readings = [reader.read_file(record.path, all_findings=True) for record in records]
    pairs = list(zip(records, readings, strict=True))
    return detection_scorecard(
        [record.id for record in records],
        [cluster(record) for record in records],
        np.array([reading.probability for reading in readings]),
        np.array([record.fractured is True for record in records]),
        {overlap: [match_reading(*pair, overlap) for pair in pairs] for overlap in OVERLAPS},
        task=description.task,
        split=split,
        cost=_cost(model, description, readings),
        provenance=_provenance(description, manifest),
    )


def _cost(model: str | Path, description: ModelDescription, readings: Iterable[Reading]) -> Cost:
    import onnx

    weights = onnx.load(model_path(model)).graph.initializer
    times = [reading.milliseconds["network"] for reading in readings]
    return Cost(
        parameters=sum(int(np.prod(weight.dims)) for weight in weights),
        latency_ms=round(float(np.median(times)), 2),
        threads=1,
        training_seconds=None,
        epochs=None,
        images_per_second=None,
        input_side=description.fit.long_side,
        started_from=str(description.provenance.get("started_from", "see its card")),
    )


def _provenance(description: ModelDescription, manifest: str) -> Provenance:
    known = description.provenance
    return Provenance(
        model=description.name,
        recipe=f"{description.name} {description.version}",
        manifest_hash=manifest,
        seed=int(known.get("seed", 0)),
        versions=known.get("versions", {}),
        revision=known.get("revision"),
        date=str(known.get("date", "")),
    )
