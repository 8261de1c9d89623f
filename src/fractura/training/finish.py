"""From a run folder to the ONNX file that ships."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file

from fractura.datasets.fracatlas import read_fracatlas
from fractura.findings import REGIONS
from fractura.reading.model import ModelDescription
from fractura.training.calibrate import calibrate, choose_operating_points, run_network
from fractura.training.data import load_wholes
from fractura.training.export import describe, export_onnx, load_checkpoint, provenance
from fractura.training.recipe import Recipe


def finish(run: Path, fracatlas: Path, out: Path, version: str) -> ModelDescription:
    """Calibrate on the official validation range, export, and describe.

    Writes ``weights.safetensors`` into the run folder beside the ONNX file ``out``.
    """
    recipe = Recipe.model_validate_json((run / "recipe.json").read_text(encoding="utf-8"))
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    records = {record.name: record for record in read_fracatlas(fracatlas)}
    network = load_checkpoint(run / "last.ckpt", recipe.channels)
    save_file(network.state_dict(), run / "weights.safetensors")
    valid = [records[name] for name in split["valid"]]
    outputs = run_network(network, load_wholes(valid, recipe.fit))
    calibration = calibrate(outputs)
    counts = {name: len(names) for name, names in split.items()}
    description = ModelDescription(
        name=recipe.name,
        version=version,
        fit=recipe.fit,
        regions=REGIONS,
        calibration=calibration,
        operating_points=choose_operating_points(outputs, calibration),
        provenance=provenance(recipe.model_dump(mode="json"), counts),
    )
    export_onnx(network, recipe.fit, out)
    describe(out, description)
    return description
