"""The multi-task network, back from its ONNX file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from onnx.numpy_helper import to_array
from torch import Tensor

from fractura.models.network import FractureNetwork, fold_batch_norm
from fractura.models.two_stage import TwoStageNetwork
from fractura.training.export.half import SUFFIX


def network_from_onnx(
    path: Path,
    channels: int,
    mirror_tta: bool = True,
    base_scales: Sequence[float] = (),
    crop_fill: Sequence[float] = (0.4,),
) -> FractureNetwork | TwoStageNetwork:
    """The torch network of an exported file: the way back, to compare or to train on.

    Args:
        path: of the file.
        channels, mirror_tta, base_scales, crop_fill: as in its recipe.
    """
    model = onnx.load(path)
    stored = {
        item.name.removesuffix(SUFFIX): torch.tensor(to_array(item))
        for item in model.graph.initializer
    }
    members = {name.split(".")[1] for name in stored if name.startswith("base.")}
    network: FractureNetwork | TwoStageNetwork = (
        TwoStageNetwork(channels, len(members), mirror_tta, base_scales, crop_fill)
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
    other = re.sub(r"^(refiners|base)\.\d+\.", "base.0.", name)
    return name if name in stored else other
