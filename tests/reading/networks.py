"""Tiny model files of every kind, whose answers can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fractura.imaging.preprocess import PreprocessConfig
from fractura.reading.calibration import Calibration, OperatingPoint, OperatingPoints
from fractura.reading.model import ModelDescription
from fractura.reading.runtime import METADATA_KEY

SIDE = 64
POINTS = OperatingPoints(OperatingPoint(0.2, 0.05), OperatingPoint(0.7, 0.3))


def describe(
    task: str, classes: tuple[str, ...] = (), calibration: Calibration | None = None
) -> ModelDescription:
    return ModelDescription(
        name="tiny",
        version="3",
        preprocess=PreprocessConfig(long_side=SIDE, multiple=SIDE),
        regions=(),
        calibration=calibration or Calibration(1.0, 0.0, 1.0, 0.0),
        operating_points=POINTS,
        provenance={},
        task=task,
        classes=classes,
    )


def write_constants(
    path: Path, description: ModelDescription, **outputs: list[float] | np.ndarray
) -> Path:
    """A network that answers the same to every radiograph, with a batch of one."""
    nodes, infos = [], []
    for name, value in outputs.items():
        array = np.asarray(value, np.float32)
        nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["b", 1, "h", "w"])
    graph = helper.make_graph(nodes, "constants", [images], infos)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: description.to_json()})
    onnx.save(model, path)
    return path
