"""From float32 to int8 (static quantisation, Jacob et al. 2018, arXiv 1712.05877)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from fractura.reading.model import EMBEDDING
from fractura.reading.runtime import INPUT

WEIGHING = ("Conv", "Gemm", "MatMul")
QUANTISED = [*WEIGHING, "Add", "Concat", "MaxPool", "Relu", "Clip", "Mul"]


def quantise(source: Path, out: Path, images: Iterable[NDArray[np.float32]]) -> None:
    """Write an int8 version of an ONNX file; the first convolution and the heads stay float32.

    Args:
        source: the float32 file.
        out: the int8 file.
        images: fitted radiographs ``[1, 1, H, W]`` whose activations set the ranges.
    """
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(out),
            _Images(images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_ends(onnx.load(prepared).graph),
            calibrate_method=CalibrationMethod.MinMax,
        )


class _Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, images: Iterable[NDArray[np.float32]]) -> None:
        self._images: Iterator[NDArray[np.float32]] = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        image = next(self._images, None)
        return None if image is None else {INPUT: image}


def _ends(graph: onnx.GraphProto) -> list[str]:
    """Names of the convolution that weighs the input and of the last layers before the outputs.

    The embedding is left out: residual networks would keep whole stages in float32.
    """
    producers = {name: node for node in graph.node for name in node.output}
    ends = [node.name for node in graph.node if INPUT in node.input and node.op_type in WEIGHING]
    waiting = [output.name for output in graph.output if output.name != EMBEDDING]
    seen = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in producers:
            continue
        seen.add(name)
        node = producers[name]
        if node.op_type in WEIGHING:
            ends.append(node.name)
        else:
            waiting += node.input
    return ends
