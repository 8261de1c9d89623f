"""The way back from an exported multi-task network: its weights, to compare or to train on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from fractura.errors import FracturaError
from fractura.reading.model import model_path, shipped_models

HALF_SUFFIX = ".fp16"
"""Of the names of tensors that are stored in 16 bits."""
REPLACEABLE = ("region", "growth_plates")
"""Last layers whose outputs may have been others."""


def read_exported(path: Path) -> dict[str, Tensor]:
    """The weights of an exported ONNX file by the network's names, as float32.

    Raises:
        FracturaError: the file cannot be read.
    """
    import onnx
    from google.protobuf.message import DecodeError
    from onnx.numpy_helper import to_array

    try:
        model = onnx.load(path)
    except (OSError, DecodeError) as error:
        raise FracturaError(f"{path} is not a readable ONNX file: {error}") from error
    stored = {
        item.name.removesuffix(HALF_SUFFIX): torch.tensor(to_array(item)).float()
        for item in model.graph.initializer
        if item.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    # Equal tensors are stored once, so a bias may bear another layer's name; zeros are left out.
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and node.input[1] in stored:
            name = node.input[1].removesuffix("weight") + "bias"
            zeros = torch.zeros(len(stored[node.input[1]]))
            own = stored.get(node.input[2], zeros) if len(node.input) > 2 else zeros
            stored.setdefault(name, own)
    return stored


def exported_tensor(name: str, stored: Mapping[str, Tensor]) -> Tensor:
    """One tensor; equal ones, such as biases from which networks start, are stored once."""
    other = re.sub(r"^(refiners|base)\.\d+\.", "base.0.", name)
    return stored[name if name in stored else other]


def is_exported(pretrained: str) -> bool:
    """Whether ``model.pretrained`` names an exported file or a shipped model, not safetensors."""
    name = pretrained.partition("#")[0]
    return name.endswith(".onnx") or name in shipped_models()


def fill_from_exported(network: nn.Module, pretrained: str, part: str) -> None:
    """Fill a network from a part of an exported one, whose batch norm was folded away.

    Every batch norm becomes one that changes nothing but adds what the export added, so it must
    keep its statistics when training goes on (``model.hold_norm``). Of :data:`REPLACEABLE`, what
    the file lacks or has in another shape stays as it is.

    Args:
        network: to fill.
        pretrained: a shipped model's name or an ONNX file's path; what follows a ``#`` is not
            looked at.
        part: of the exported network, such as ``base.0.``; empty for all of it.

    Raises:
        FracturaError: there is no such file, or it holds another network.
    """
    path = model_path(pretrained.partition("#")[0])
    stored = read_exported(path)
    state = network.state_dict()
    norms = {
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    }
    try:
        for name, tensor in state.items():
            owner, _, kind = name.rpartition(".")
            if owner in REPLACEABLE and not _fits(part + name, tensor, stored):
                continue
            if owner not in norms:
                found = exported_tensor(part + name, stored)
            else:
                before, _, place = owner.rpartition(".")
                bias = exported_tensor(f"{part}{before}.{int(place) - 1}.bias", stored)
                found = _norm(kind, bias)
            tensor.copy_(found)
    except (KeyError, RuntimeError) as error:
        raise FracturaError(
            f"{path} does not hold a network of this kind ({error.args[0]})"
        ) from error


def _fits(name: str, tensor: Tensor, stored: Mapping[str, Tensor]) -> bool:
    return name in stored and stored[name].shape == tensor.shape


def _norm(kind: str, bias: Tensor) -> Tensor:
    """A batch norm's tensor that leaves what it is given and adds ``bias``."""
    return {
        "weight": torch.ones_like(bias),
        "bias": bias,
        "running_mean": torch.zeros_like(bias),
        "running_var": torch.full_like(bias, 1 - 1e-5),
        "num_batches_tracked": torch.tensor(0),
    }[kind]
