"""The multi-task network, back from its ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fractura.models.exported import exported_tensor, read_exported
from fractura.models.network import FractureNetwork, fold_batch_norm
from fractura.models.two_stage import TwoStageNetwork


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
    stored = read_exported(path)
    members = {name.split(".")[1] for name in stored if name.startswith("base.")}
    network: FractureNetwork | TwoStageNetwork = (
        TwoStageNetwork(channels, len(members), mirror_tta, base_scales, crop_fill)
        if members
        else FractureNetwork(channels)
    )
    network.eval()
    fold_batch_norm(network)
    state = {name: exported_tensor(name, stored) for name in network.state_dict()}
    network.load_state_dict(state)
    return network
