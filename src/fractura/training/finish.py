"""From a run folder to the ONNX file that ships."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import save_file

from fractura.datasets.storage import read_manifest
from fractura.findings import REGIONS
from fractura.reading.model import ModelDescription
from fractura.training.calibrate import calibrate, choose_operating_points, run_network
from fractura.training.data import load_wholes
from fractura.training.export import describe, export_onnx, load_checkpoint, provenance
from fractura.training.recipe import Recipe


def finish(run: Path, manifest: Path, out: Path, version: str) -> ModelDescription:
    """Calibrate on the validation split, export, and describe.

    Writes ``weights.safetensors`` into the run folder beside the ONNX file ``out``.
    """
    recipe = Recipe.model_validate_json((run / "recipe.json").read_text(encoding="utf-8"))
    split = json.loads((run / "split.json").read_text(encoding="utf-8"))
    records = {record.id: record for record in read_manifest(manifest).records}
    network = load_checkpoint(run / "last.ckpt", recipe.channels)
    save_file(network.state_dict(), run / "weights.safetensors")
    valid = [records[name] for name in split["valid"]]
    outputs = run_network(network, load_wholes(valid, recipe.fit))
    calibration = calibrate(outputs)
    counts = {name: len(split[name]) for name in ("train", "fold", "valid")}
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
