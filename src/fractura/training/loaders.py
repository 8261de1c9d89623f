"""What Lightning reads from, the same for every kind of network."""

from __future__ import annotations

from typing import Any

import lightning

from fractura.errors import FracturaError
from fractura.training.data.loader import evaluation_loader
from fractura.training.recipe import Recipe
from fractura.training.tasks.adapter import EpochLoader
from fractura.training.training_data import TrainingData


class Loaders(lightning.LightningDataModule):
    """A fresh training loader every epoch; every process reads its own part."""

    def __init__(
        self,
        training: EpochLoader,
        data: TrainingData,
        recipe: Recipe,
        workers: int,
    ) -> None:
        super().__init__()
        self.training = training
        self.validation = [record for part in data.sets.values() for record in part]
        self.recipe = recipe
        self.workers = workers

    def train_dataloader(self) -> Any:
        trainer = self.trainer
        assert trainer is not None
        return self.training(
            trainer.current_epoch, self.workers, trainer.global_rank, trainer.world_size
        )

    def val_dataloader(self) -> Any:
        trainer = self.trainer
        assert trainer is not None
        if len(self.validation) < trainer.world_size:
            raise FracturaError(
                f"{len(self.validation)} radiographs to validate on cannot be shared by "
                f"{trainer.world_size} processes; take fewer processes"
            )
        return evaluation_loader(
            self.validation,
            self.recipe.data.preprocess,
            self.workers,
            trainer.global_rank,
            trainer.world_size,
            self.recipe.trainer.batch_size,
        )
