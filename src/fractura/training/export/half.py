"""Weights stored in 16 bits; whoever opens the file widens them and computes in 32 as before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx.helper import make_node
from onnx.numpy_helper import from_array, to_array

from fractura.models.exported import HALF_SUFFIX

SMALLEST = 256
"""Tensors with fewer numbers stay as they are."""


def store_in_half(source: Path, out: Path) -> None:
    """Write an ONNX file whose float32 weights are stored as IEEE 754 binary16.

    A ``Cast`` in front of each gives back float32, which onnxruntime does once, when it opens the
    file. Tensors with a number beyond the range of 16 bits stay as they are.
    """
    model = onnx.load(source)
    graph = model.graph
    widened = []
    for item in graph.initializer:
        values = to_array(item)
        if values.dtype != np.float32 or values.size < SMALLEST:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.isfinite(half).all():
            continue
        name = item.name
        item.CopyFrom(from_array(half, name + HALF_SUFFIX))
        widened.append(make_node("Cast", [name + HALF_SUFFIX], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, out)
