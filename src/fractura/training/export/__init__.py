"""From a trained network to a file that needs no torch, checked before it is written."""

from fractura.training.export.convert import describe, export_onnx
from fractura.training.export.multi_task import network_from_onnx
from fractura.training.export.write import (
    Exported,
    write_fp16,
    write_int8,
    write_onnx,
    write_openvino,
)

__all__ = [
    "Exported",
    "describe",
    "export_onnx",
    "network_from_onnx",
    "write_fp16",
    "write_int8",
    "write_onnx",
    "write_openvino",
]
