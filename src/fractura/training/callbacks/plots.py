"""Pictures of a run, drawn anew after every validation."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from fractura.atomic_write import make_folder, write_whole
from fractura.training.callbacks.history import History, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = (
    ("loss", ("loss_epoch", "valid/loss")),
    (
        "validation",
        tuple(
            f"valid/{name}"
            for name in ("accuracy", "balanced_accuracy", "auroc", "macro_f1", "ap50")
        ),
    ),
    ("learning rate", ("rate", "backbone_lr")),
)


class Plots(Callback):
    """Writes ``curves.png`` into the folder, and ``samples.png`` by a function given."""

    def __init__(self, folder: Path, history: History, samples: Any) -> None:
        self.folder = folder
        self.history = history
        self.samples = samples
        self._due = False

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self._due = not trainer.sanity_checking
        if not (trainer.is_global_zero and self._due):
            return
        make_folder(self.folder)
        with torch.no_grad():
            self.samples(module.network, self.folder / "samples.png")

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        if self._due and trainer.is_global_zero:
            write_whole(self.folder / "curves.png", curves(self.history.rows))
        self._due = False


def curves(rows: Sequence[Row]) -> bytes:
    """Loss, figures and learning rates against the epoch, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    for panel, (title, names) in zip(axes, PANELS, strict=True):
        _draw(panel, title, names, rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    return buffer.getvalue()


def _draw(panel: Axes, title: str, names: Sequence[str], rows: Sequence[Row]) -> None:
    from matplotlib.ticker import MaxNLocator

    for name in names:
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        if points:
            label = name.removesuffix("_epoch").replace("valid/", "validation ").replace("_", " ")
            panel.plot(*zip(*points, strict=True), marker=".", label=label)
    panel.set(title=title, xlabel="epoch")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    if title == "learning rate":
        panel.set_yscale("log")
    panel.grid(alpha=0.3)
    if panel.lines:
        panel.legend(fontsize=8)
