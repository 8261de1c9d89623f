"""What runs a network's file: ONNX Runtime, or OpenVINO where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock, local
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from fractura.errors import ModelError

METADATA_KEY = "fractura"
INPUT = "images"


class Runtime(Protocol):
    """An opened network with one input. Threads may share it."""

    @property
    def description(self) -> str | None:
        """The model's description in JSON, if the file holds one."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""

    def run(self, names: Sequence[str], images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The outputs with these names for images ``[B, 1, H, W]``."""


def open_runtime(path: Path, threads: int | None = None) -> Runtime:
    """Open an ``.xml`` file with OpenVINO, any other with ONNX Runtime.

    Args:
        path: the file.
        threads: processor threads for one run; the runtime's own choice if left out.

    Raises:
        ModelError: the file cannot be opened, or OpenVINO is missing.
    """
    kind = OpenVinoRuntime if path.suffix == ".xml" else OnnxRuntime
    try:
        return kind(path, threads)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} could not be opened as an {kind.format} model; restore or re-export it"
        ) from error


class OnnxRuntime:
    """An ONNX Runtime session on the CPU."""

    format = "ONNX"

    def __init__(self, path: Path, threads: int | None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.description = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.outputs = tuple(output.name for output in self._session.get_outputs())

    def run(self, names: Sequence[str], images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Outputs by name, in the order of ``names``, of inputs ``[1, 1, H, W]``."""
        return list(self._session.run(names, {INPUT: images}))


class OpenVinoRuntime:
    """A network compiled by OpenVINO for the CPU, in float32 unless it is quantised.

    The first run ends before any other begins: threads that share a network which has never run
    can wait for each other for ever.
    """

    format = "OpenVINO"

    def __init__(self, path: Path, threads: int | None) -> None:
        openvino = import_openvino(path)
        core = openvino.Core()
        network = core.read_model(str(path))
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        self._compiled = core.compile_model(network, "CPU", options)
        self._requests = local()
        self._first, self._has_run = Lock(), False
        self.description = (
            network.get_rt_info([METADATA_KEY]).astype(str)
            if network.has_rt_info([METADATA_KEY])
            else None
        )
        self.outputs = tuple(output.get_any_name() for output in self._compiled.outputs)

    def run(self, names: Sequence[str], images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Outputs by name, in the order of ``names``, of inputs ``[1, 1, H, W]``."""
        if not self._has_run:
            with self._first:
                if not self._has_run:
                    outputs = self._infer(names, images)
                    self._has_run = True
                    return outputs
        return self._infer(names, images)

    def _infer(
        self, names: Sequence[str], images: NDArray[np.float32]
    ) -> list[NDArray[np.float32]]:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        request = self._requests.own
        request.infer({INPUT: images})
        return [np.array(request.get_tensor(name).data) for name in names]


def import_openvino(path: Path) -> Any:
    """The optional package.

    Raises:
        ModelError: it is not installed; names the file that needs it.
    """
    try:
        import openvino
    except ImportError:
        raise ModelError(
            f"{path} needs OpenVINO: pip install openvino, or export as ONNX"
        ) from None
    return openvino
