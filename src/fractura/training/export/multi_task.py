"""The multi-task network, back from its ONNX file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from onnx.numpy_helper import to_array
from torch import Tensor

from fractura.models.magnifier import MagnifiedNetwork
from fractura.models.network import FractureNetwork, fold_batch_norm
from fractura.training.export.half import SUFFIX


def network_from_onnx(
    path: Path,
    channels: int,
    both_ways: bool = True,
    sizes: Sequence[float] = (),
    shares: Sequence[float] = (0.4,),
) -> FractureNetwork | MagnifiedNetwork:
    """The torch network of an exported file: the way back, to compare or to train on.

    Args:
        path: of the file.
        channels, both_ways, sizes, shares: as in its recipe.
    """
    model = onnx.load(path)
    stored = {
        item.name.removesuffix(SUFFIX): torch.tensor(to_array(item))
        for item in model.graph.initializer
    }
    members = {name.split(".")[1] for name in stored if name.startswith("first.")}
    network: FractureNetwork | MagnifiedNetwork = (
        MagnifiedNetwork(channels, len(members), both_ways, sizes, shares)
        if members
        else FractureNetwork(channels)
    )
    network.eval()
    fold_batch_norm(network)
    state = {name: stored[_holder(name, stored)] for name in network.state_dict()}
    network.load_state_dict(state)
    return network


def _holder(name: str, stored: Mapping[str, Tensor]) -> str:
    """Equal tensors, such as biases from which several networks start, are stored once."""
    first = re.sub(r"^(magnifiers|first)\.\d+\.", "first.0.", name)
    return name if name in stored else first
