"""Run a recipe: data, network, Lightning trainer, run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from fractura.datasets.parts import parts_for_fractures
from fractura.datasets.storage import read_manifest
from fractura.imaging.save import write_whole
from fractura.models.network import FractureNetwork, load_backbone
from fractura.training.data import (
    Epoch,
    Sample,
    Whole,
    load_samples,
    load_wholes,
    phantom_samples,
    training_loader,
)
from fractura.training.recipe import Recipe
from fractura.training.task import FractureTask

PHANTOM_POOL = 4
"""Phantoms in memory for each one drawn in an epoch."""


class Samples(lightning.LightningDataModule):
    """Rebuilds the training loader every epoch; validation needs no loader of its own."""

    def __init__(
        self, samples: list[Sample], phantoms: list[Sample], recipe: Recipe, workers: int
    ) -> None:
        super().__init__()
        self.samples = samples
        self.phantoms = phantoms
        self.recipe = recipe
        self.workers = workers

    def train_dataloader(self) -> Any:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return training_loader(Epoch(self.samples, self.phantoms, self.recipe, epoch), self.workers)

    def val_dataloader(self) -> Any:
        return DataLoader([0])  # type: ignore[arg-type]


def train(
    recipe: Recipe, manifest: Path, backbone: Path, out: Path, *, workers: int, resume: bool
) -> Path:
    """Run the recipe and return the run folder's last checkpoint.

    Args:
        recipe: what to do.
        manifest: what ``fractura data split`` wrote.
        backbone: torchvision ``mobilenet_v2`` weights as safetensors.
        out: run folder; gets ``split.json``, ``metrics.csv``, ``last.ckpt``.
        workers: processes that augment.
        resume: go on from ``last.ckpt`` if it exists.
    """
    lightning.seed_everything(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    table = read_manifest(manifest)
    parts = parts_for_fractures(table.records, recipe.fold)
    names: dict[str, Any] = {
        name: [record.id for record in getattr(parts, name)] for name in ("train", "fold", "valid")
    }
    names["manifest"] = table.content_hash
    write_whole(out / "split.json", json.dumps(names, indent=1).encode())
    write_whole(out / "recipe.json", recipe.model_dump_json(indent=1).encode())
    network = FractureNetwork(recipe.channels)
    load_backbone(network, backbone)
    network.freeze_early()
    sets: dict[str, list[Whole]] = {
        name: load_wholes(records, recipe.fit)
        for name, records in (("fold", parts.fold), ("valid", parts.valid))
        if records
    }
    pool = recipe.phantoms * PHANTOM_POOL
    data = Samples(
        load_samples(parts.train, recipe.training_side),
        phantom_samples(pool, recipe.seed * pool, recipe.training_side),
        recipe,
        workers,
    )
    task = FractureTask(network.to(memory_format=torch.channels_last), recipe, sets)
    last = out / "last.ckpt"
    trainer = lightning.Trainer(
        max_epochs=recipe.epochs,
        accelerator="auto",
        devices=1,
        precision="bf16-mixed",
        gradient_clip_val=10.0,
        check_val_every_n_epoch=recipe.validate_every,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        log_every_n_steps=20,
        logger=CSVLogger(str(out), name="", version=""),
        callbacks=[
            EMAWeightAveraging(decay=recipe.average),
            ModelCheckpoint(
                dirpath=out,
                filename="{epoch}",
                save_last=True,
                every_n_epochs=1,
                save_on_train_epoch_end=True,
            ),
            TQDMProgressBar(refresh_rate=20),
        ],
    )
    trainer.fit(task, datamodule=data, ckpt_path=str(last) if resume and last.exists() else None)
    return last
