"""Networks that threads share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Lock
from time import sleep
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fractura.reading import runtime
from fractura.reading.runtime import open_runtime

from .networks import describe, write_constants

THREADS = 8
IMAGES = np.zeros((1, 1, 64, 64), np.float32)


class Compiled:
    """Stands in for OpenVINO: notes how many runs were under way when each began."""

    def __init__(self) -> None:
        self.outputs: list[Any] = []
        self.ended = 0
        self.ended_before: list[int] = []
        self._lock = Lock()

    def create_infer_request(self) -> Any:
        return SimpleNamespace(
            infer=self._infer, get_tensor=lambda name: SimpleNamespace(data=np.full(2, 7.0))
        )

    def _infer(self, _: object) -> None:
        with self._lock:
            self.ended_before.append(self.ended)
        sleep(0.02)
        with self._lock:
            self.ended += 1


def run_together(network: runtime.Runtime, names: list[str]) -> list[list[np.ndarray]]:
    """Every thread's outputs, all begun at once."""
    together = Barrier(THREADS)

    def one(_: int) -> list[np.ndarray]:
        together.wait()
        return network.run(names, IMAGES)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_an_openvino_network_runs_once_before_threads_share_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = Compiled()
    core = SimpleNamespace(
        read_model=lambda path: SimpleNamespace(has_rt_info=lambda keys: False),
        compile_model=lambda network, device, options: compiled,
    )
    monkeypatch.setattr(runtime, "import_openvino", lambda path: SimpleNamespace(Core=lambda: core))
    answers = run_together(open_runtime(Path("m.xml")), ["logits"])
    assert [one[0].tolist() for one in answers] == [[7.0, 7.0]] * THREADS
    first, *others = compiled.ended_before
    assert first == 0
    assert min(others) >= 1


def test_threads_share_a_real_openvino_network(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    outputs = {"logits": np.array([[1.5, -2.25]], np.float32)}
    made = write_constants(tmp_path / "m.onnx", describe("binary-fracture", ("a", "b")), **outputs)
    openvino.save_model(openvino.convert_model(str(made)), str(tmp_path / "m.xml"))
    for _ in range(5):
        answers = run_together(open_runtime(tmp_path / "m.xml"), ["logits"])
        assert [one[0].tolist() for one in answers] == [[[1.5, -2.25]]] * THREADS
