"""The multi-task network: from a checkpoint, and back from its ONNX file."""

from __future__ import annotations

import subprocess
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx.numpy_helper import to_array

from fractura.models.network import FractureNetwork, fold_batch_norm


def load_checkpoint(path: Path, channels: int) -> FractureNetwork:
    """The averaged network of a Lightning checkpoint, in evaluation mode."""
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = FractureNetwork(channels)
    network.load_state_dict(
        {name.removeprefix("network."): tensor for name, tensor in state.items()}
    )
    return network.eval()


def network_from_onnx(path: Path, channels: int) -> FractureNetwork:
    """The torch network of an exported file: the way back, to compare or to train on."""
    model = onnx.load(path)
    stored = {item.name: torch.tensor(to_array(item)) for item in model.graph.initializer}
    network = FractureNetwork(channels).eval()
    fold_batch_norm(network)
    network.load_state_dict({name: stored[name] for name in network.state_dict()})
    return network


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
