"""The multi-task network, back from its ONNX file."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx.numpy_helper import to_array

from fractura.models.magnifier import MagnifiedNetwork
from fractura.models.network import FractureNetwork, fold_batch_norm


def network_from_onnx(path: Path, channels: int) -> FractureNetwork | MagnifiedNetwork:
    """The torch network of an exported file: the way back, to compare or to train on."""
    model = onnx.load(path)
    stored = {item.name: torch.tensor(to_array(item)) for item in model.graph.initializer}
    magnified = any(name.startswith("magnifier.") for name in stored)
    network = (MagnifiedNetwork if magnified else FractureNetwork)(channels).eval()
    fold_batch_norm(network)
    # The exporter stores equal tensors once, such as biases that both networks start from.
    state = {
        name: stored[name if name in stored else name.replace("magnifier.", "first.")]
        for name in network.state_dict()
    }
    network.load_state_dict(state)
    return network
