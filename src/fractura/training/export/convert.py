"""From a torch network to an ONNX graph."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from fractura.imaging.preprocess import PreprocessConfig
from fractura.models.network import NetworkOutput, fold_batch_norm
from fractura.reading.model import ModelDescription
from fractura.reading.runtime import INPUT, METADATA_KEY

CLASSIFICATION = ["logits", "embedding"]
DETECTION = ["boxes", "scores"]


def export_onnx(network: nn.Module, config: PreprocessConfig, out: Path) -> None:
    """Write a multi-task network, batch norm folded, with dynamic batch, height and width."""
    network = deepcopy(network).eval()
    fold_batch_norm(network)
    example = torch.zeros(2, 1, 4 * config.multiple, 3 * config.multiple)
    rows, columns = config.multiple * Dim("rows"), config.multiple * Dim("columns")
    dynamic = {0: Dim("batch"), 2: rows, 3: columns}
    _export(network, example, list(NetworkOutput._fields), out, dynamic)


def export_classifier(network: nn.Module, config: PreprocessConfig, out: Path) -> None:
    """Write a classifier with dynamic batch, at the fixed square size.

    The older, tracing exporter takes over where the newer one refuses an architecture.
    """
    network = deepcopy(network).eval()
    example = torch.zeros(2, 1, config.long_side, config.long_side)
    try:
        _export(network, example, CLASSIFICATION, out, {0: Dim("batch")})
    except torch.onnx.OnnxExporterError:
        batch = {name: {0: "batch"} for name in (INPUT, *CLASSIFICATION)}
        _trace(network, example, CLASSIFICATION, out, dynamic_axes=batch)


def export_detector(network: nn.Module, config: PreprocessConfig, out: Path) -> None:
    """Write a detector for one image at the fixed square size; boxes come after suppression."""
    example = torch.zeros(1, 1, config.long_side, config.long_side)
    _trace(_OneImage(deepcopy(network).eval()), example, DETECTION, out)


class _OneImage(nn.Module):
    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self.detector(images)[0]
        return found.boxes, found.scores


def describe(path: Path, description: ModelDescription) -> None:
    """Put a description into an ONNX file's metadata, in place of the exporter's own notes.

    The exporter notes source files and lines of the machine at every node.
    """
    model = onnx.load(path)
    for part in (model, *model.functions, *_parts(model.graph)):
        for field in ("metadata_props", "doc_string"):
            part.ClearField(field)
    onnx.helper.set_model_props(model, {METADATA_KEY: description.to_json()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _parts(graph: onnx.GraphProto) -> Iterator[Any]:
    """Whatever in a graph, and in the graphs inside its nodes, may carry notes."""
    yield from (graph, *graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
            if attribute.HasField("g"):
                yield from _parts(attribute.g)


def _export(
    network: nn.Module, example: Tensor, outputs: list[str], out: Path, dynamic: dict[int, Any]
) -> None:
    for module in network.modules():
        if hasattr(module, "inplace"):
            # Activations that overwrite their input take the exporter half of its time.
            module.inplace = False  # type: ignore[assignment]
    with _quiet():
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT],
            output_names=outputs,
            dynamic_shapes=(dynamic,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.optimize()
    program.save(out)


def _trace(
    network: nn.Module, example: Tensor, outputs: list[str], out: Path, **options: Any
) -> None:
    with _quiet():
        torch.onnx.export(
            network,
            (example,),
            out,
            input_names=[INPUT],
            output_names=outputs,
            dynamo=False,
            **options,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn of each traced shape, which is fixed here, and of their own age."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
