"""Checkpoints that are there entirely or as they were, and weights as safetensors."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint
from safetensors.torch import save

from fractura.atomic_write import write_whole
from fractura.training.recipe import Recipe, recipe_yaml
from fractura.training.run_folder import BEST, LAST, WEIGHTS

NETWORK = "network."


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes to a temporary file that takes the old one's place at the end.

    With the best checkpoint, its network goes into ``weights.safetensors``, the recipe in its
    metadata.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.metadata = {"recipe": recipe_yaml(recipe)}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        path = Path(path)
        write_whole(path, buffer.getvalue())
        if path.name == BEST:
            write_whole(path.with_name(WEIGHTS), save(network_state(checkpoint), self.metadata))


def network_state(checkpoint: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The network's tensors in a checkpoint; the averaged ones where it averages."""
    return {
        name.removeprefix(NETWORK): tensor.contiguous()
        for name, tensor in checkpoint["state_dict"].items()
        if name.startswith(NETWORK)
    }


class Movable(ModelCheckpoint):
    """Goes on in a run folder that was moved; Lightning's own would forget the best figure."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        place = str(Path(str(self.dirpath)) / f"{self.filename}{self.FILE_EXTENSION}")
        figures = list(state_dict["best_k_models"].values())
        best = {place: figures[0]} if figures else {}
        known = place if state_dict["best_model_path"] else ""
        moved = {
            "dirpath": self.dirpath,
            "best_k_models": best,
            "best_model_path": known,
            "kth_best_model_path": place if best else "",
        }
        super().load_state_dict({**state_dict, **moved})


def checkpoints(folder: Path, monitor: str, mode: str) -> list[ModelCheckpoint]:
    """The last epoch's, and that of the epoch with the best ``monitor``.

    Args:
        folder: of the run.
        monitor: name of a figure.
        mode: ``max`` or ``min``, which of its values is best.
    """
    last = Movable(
        dirpath=folder,
        filename=Path(LAST).stem,
        every_n_epochs=1,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    best = Movable(
        dirpath=folder,
        filename=Path(BEST).stem,
        monitor=monitor,
        mode=mode,
        save_on_train_epoch_end=False,
        enable_version_counter=False,
    )
    return [best, last]
