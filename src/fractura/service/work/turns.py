"""The model, shared by the threads that work off the queue and those that draw pictures."""

from __future__ import annotations

from pathlib import Path
from threading import BoundedSemaphore

from fractura.findings import Reading
from fractura.imaging.radiograph import Radiograph
from fractura.reading.reader import Reader


class ReaderInTurns(Reader):
    """A reader with which only so many threads read at once, and others wait.

    Each reading at the same time takes tens of megabytes, which ONNX Runtime then keeps for the
    next.
    """

    def __init__(self, model: str | Path, *, threads: int | None, at_once: int) -> None:
        super().__init__(model, threads=threads)
        self._turns = BoundedSemaphore(at_once)

    def read(
        self, radiograph: Radiograph, *, all_findings: bool = False, heatmap: bool = False
    ) -> Reading:
        """As :meth:`fractura.reading.reader.Reader.read`, one after the other."""
        with self._turns:
            return super().read(radiograph, all_findings=all_findings, heatmap=heatmap)
