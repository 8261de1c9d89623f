"""What a measured model costs, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from fractura.evaluation.scorecard import Cost, Provenance
from fractura.reading.model import Model, ModelDescription, model_path

LATENCY_RUNS = 20


def cost_of(source: str, description: ModelDescription | None) -> Cost:
    """Parameters and time of a model file; of another system nothing is known."""
    if description is None:
        return Cost(None, None, None, None, None, None, None, "not known")
    return Cost(
        parameters=_parameters(source),
        latency_ms=round(_latency(source, description), 2),
        threads=1,
        training_seconds=None,
        epochs=None,
        images_per_second=None,
        input_side=description.preprocess.long_side,
        started_from=str(description.provenance.get("started_from", "see its card")),
    )


def provenance_of(
    source: str, description: ModelDescription | None, manifest_hash: str
) -> Provenance:
    """Where a model comes from; of another system only the name of its file is known."""
    if description is None:
        return Provenance(
            Path(source).stem, "not known", manifest_hash, None, {}, None, "not known"
        )
    known: Mapping[str, Any] = description.provenance
    return Provenance(
        model=description.name,
        recipe=f"{description.name} {description.version}",
        manifest_hash=manifest_hash,
        seed=int(known.get("seed", 0)),
        versions=known.get("versions", {}),
        revision=known.get("revision"),
        date=str(known.get("date", "not known")),
    )


def _parameters(source: str) -> int | None:
    path = model_path(source)
    if path.suffix == ".xml":
        return None
    try:
        import onnx
    except ImportError:
        return None
    return sum(int(np.prod(weight.dims)) for weight in onnx.load(path).graph.initializer)


def _latency(source: str, description: ModelDescription) -> float:
    """Median time of the network on one square image, with one thread, in milliseconds."""
    side = description.preprocess.long_side
    model = Model(source, 1)
    image = np.zeros((1, 1, side, side), np.float32)
    times = []
    for _ in range(LATENCY_RUNS + 3):
        start = perf_counter()
        model.outputs(image)
        times.append(1000 * (perf_counter() - start))
    return float(np.median(times[3:]))
