"""From a trained network to a file that needs no torch, checked before it is written."""

from collections.abc import Callable

from fractura.training.export.convert import describe, export_onnx
from fractura.training.export.multi_task import network_from_onnx
from fractura.training.export.write import (
    Exported,
    write_fp16,
    write_int8,
    write_onnx,
    write_openvino,
)

WRITERS: dict[str, Callable[..., Exported]] = {
    "onnx": write_onnx,
    "fp16": write_fp16,
    "int8": write_int8,
    "openvino": write_openvino,
}
"""Writes each format, from a network, its description, a path and validation radiographs."""

LOSSY = ("fp16", "int8")
"""Formats whose writers take ``accept_loss``."""

__all__ = [
    "LOSSY",
    "WRITERS",
    "Exported",
    "describe",
    "export_onnx",
    "network_from_onnx",
    "write_fp16",
    "write_int8",
    "write_onnx",
    "write_openvino",
]
