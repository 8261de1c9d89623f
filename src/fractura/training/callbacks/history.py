"""``metrics.csv``: one row an epoch, and after resumption the same rows as without a break."""

from __future__ import annotations

import io
from pathlib import Path
from time import perf_counter
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from fractura.atomic_write import write_whole
from fractura.spreadsheet import write_rows

Row = dict[str, float]


class History(Callback):
    """Gathers what was logged in every epoch; its rows travel in the checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Row] = []
        self._validated = False
        self._images = 0
        self._seconds = 0.0
        self._start = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]

    def on_train_epoch_start(self, *_: Any) -> None:
        self._images, self._seconds = 0, 0.0
        self._start = perf_counter()

    def on_train_batch_end(self, trainer: Any, module: Any, out: Any, batch: Any, _: int) -> None:
        self._images += len(batch.images) * trainer.world_size
        self._seconds = perf_counter() - self._start

    def on_validation_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        kept = {
            name: value
            for name, value in logged.items()
            if name == "loss_epoch" or name.startswith("loss/") or (self._validated and "/" in name)
        }
        self._validated = False
        rates = [group["lr"] for group in trainer.optimizers[0].param_groups]
        row: Row = {
            "epoch": trainer.current_epoch + 1,
            "seconds": round(self._seconds, 2),
            "images": self._images,
            "rate": rates[-1],
            "backbone_lr": rates[0],
        }
        self.rows.append({**row, **kept})
        if trainer.is_global_zero:
            write_whole(self.path, as_csv(self.rows).encode())


def as_csv(rows: list[Row]) -> str:
    """Rows with the columns of all of them, in order of appearance."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    write_rows(text, [columns, *([row.get(name) for name in columns] for row in rows)])
    return text.getvalue()
