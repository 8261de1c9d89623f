"""From a checkpoint to the ONNX file that ships, with everything it needs in its metadata."""

from __future__ import annotations

import subprocess
from copy import deepcopy
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx.numpy_helper import to_array
from torch.export import Dim

from fractura.imaging.fit import FitParameters
from fractura.models.network import FractureNetwork, NetworkOutput, fold_batch_norm
from fractura.reading.model import METADATA_KEY, ModelDescription

OUTPUTS = list(NetworkOutput._fields)


def load_checkpoint(path: Path, channels: int) -> FractureNetwork:
    """The averaged network of a Lightning checkpoint, in evaluation mode."""
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = FractureNetwork(channels)
    network.load_state_dict(
        {name.removeprefix("network."): tensor for name, tensor in state.items()}
    )
    return network.eval()


def export_onnx(network: FractureNetwork, fit: FitParameters, out: Path) -> None:
    """Write the network, batch norm folded, with dynamic batch, height and width."""
    network = deepcopy(network).eval()
    fold_batch_norm(network)
    example = torch.zeros(2, 1, 4 * fit.multiple, 3 * fit.multiple)
    dynamic = {
        "images": {0: Dim("batch"), 2: fit.multiple * Dim("rows"), 3: fit.multiple * Dim("columns")}
    }
    program = torch.onnx.export(
        network,
        (example,),
        input_names=["images"],
        output_names=OUTPUTS,
        dynamic_shapes=dynamic,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.optimize()
    program.save(out)


def network_from_onnx(path: Path, channels: int) -> FractureNetwork:
    """The torch network of an exported file: the way back, to compare or to train on."""
    model = onnx.load(path)
    stored = {item.name: torch.tensor(to_array(item)) for item in model.graph.initializer}
    network = FractureNetwork(channels).eval()
    fold_batch_norm(network)
    network.load_state_dict({name: stored[name] for name in network.state_dict()})
    return network


def describe(path: Path, description: ModelDescription) -> None:
    """Put a description into an ONNX file's metadata, in place of the exporter's own notes.

    The exporter notes source files and lines of the machine at every node.
    """
    model = onnx.load(path)
    graph = model.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.helper.set_model_props(model, {METADATA_KEY: description.to_json()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def provenance(recipe: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    """Where a model comes from."""
    revision = subprocess.run(
        ["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "data": "FracAtlas (Abedeen et al. 2023, doi 10.1038/s41597-023-02432-4), CC BY 4.0",
        "backbone": "MobileNetV2, ImageNet, ONNX model zoo, Apache-2.0",
        "licence": "Apache-2.0",
        "images": counts,
        "recipe": recipe,
        "date": date.today().isoformat(),
        "revision": revision or "unknown",
        "versions": {name: version(name) for name in ("torch", "torchvision", "lightning", "onnx")},
    }
