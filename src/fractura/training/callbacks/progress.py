"""Progress on a terminal: Lightning's Rich bars, with images per second."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from lightning.pytorch.callbacks import RichProgressBar


class Progress(RichProgressBar):
    """One bar an epoch, with images per second and the time left."""

    def __init__(self) -> None:
        super().__init__(leave=False, console_kwargs={"stderr": True})
        self._start = 0.0
        self._images = 0

    def on_train_epoch_start(self, *arguments: Any) -> None:
        self._start, self._images = perf_counter(), 0
        super().on_train_epoch_start(*arguments)

    def on_train_batch_end(
        self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int
    ) -> None:
        self._images += len(batch.images) * trainer.world_size
        super().on_train_batch_end(trainer, module, outputs, batch, index)

    def get_metrics(self, trainer: Any, module: Any) -> dict[str, Any]:
        """Lightning's, without its version number."""
        shown = super().get_metrics(trainer, module)
        shown.pop("v_num", None)
        seconds = perf_counter() - self._start
        return {"images/s": f"{self._images / max(seconds, 1e-6):.1f}", **shown}
