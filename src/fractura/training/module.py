"""The Lightning module: steps, rates and validation, the same for every kind of network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from fractura.datasets.record import Record
from fractura.errors import ResumableError
from fractura.training.data.batch import Batch
from fractura.training.data.loader import EvaluationImage
from fractura.training.optimizer import make_optimizer, make_schedule
from fractura.training.recipe import Recipe
from fractura.training.tasks.adapter import TaskAdapter, UncalibratedPrediction
from fractura.training.validation_metrics import figures


class Training(lightning.LightningModule):
    """Trains a network by a recipe and validates on named lists of radiographs.

    Args:
        network: to be trained.
        adapter: of the network's kind.
        recipe: of the run.
        classes: names, in the order of the logits.
        class_weights: ``[C]``.
        sets: radiographs to validate on, by name; the validation loader reads them one list
            after the other, and ``EvaluationImage.index`` counts through all.
    """

    class_weights: Tensor

    def __init__(
        self,
        network: nn.Module,
        adapter: TaskAdapter,
        recipe: Recipe,
        classes: Sequence[str],
        class_weights: Tensor,
        sets: Mapping[str, Sequence[Record]],
    ) -> None:
        super().__init__()
        self.network = network
        self.adapter = adapter
        self.recipe = recipe
        self.classes = tuple(classes)
        self.sets = sets
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.predictions: list[UncalibratedPrediction] = []

    def on_train_epoch_start(self) -> None:
        """Freeze the pretrained layers in the first phase, and thaw them after it."""
        frozen = self.current_epoch < self.recipe.freeze.epochs
        self.network.freeze(frozen)  # type: ignore[operator]
        self.network.train()

    def training_step(self, batch: Batch, index: int) -> Tensor:
        # What is random in a step follows from its place alone, so that a resumed run draws the
        # same.
        place = (self.recipe.trainer.seed, self.current_epoch, index, self.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))
        terms = self.adapter.losses(self.network, batch, self.recipe, self.class_weights)
        loss = torch.stack(list(terms.values())).sum()
        finite = math.isfinite(loss.item())
        if not self.trainer.strategy.reduce_boolean_decision(finite):
            raise self._diverged(f"the loss is {loss.item()}", f", batch {index + 1}")
        means = {"loss_epoch": loss, **{f"loss/{name}": term for name, term in terms.items()}}
        self.log_dict(
            means, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch.images)
        )
        self.log("loss_step", loss, on_step=True, on_epoch=False, prog_bar=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """See that no broken weights get into a checkpoint."""
        self._refuse_broken_weights()

    def on_validation_epoch_start(self) -> None:
        """All processes validate with the first one's batch statistics, which are what is saved."""
        if self.trainer.world_size > 1:
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, 0)
        self._refuse_broken_weights()

    def _refuse_broken_weights(self) -> None:
        tensors = self.network.state_dict().values()
        if not all(bool(tensor.isfinite().all()) for tensor in tensors):
            raise self._diverged("the network's weights are no longer finite", "")

    def _diverged(self, what: str, place: str) -> ResumableError:
        return ResumableError(
            f"{what} in epoch {self.current_epoch + 1}{place}; lower optimizer.head_lr and "
            "optimizer.backbone_lr, set trainer.grad_clip_norm, or use trainer.precision=fp32"
        )

    def validation_step(self, samples: list[EvaluationImage], index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            self.predictions += self.adapter.read(self.network, samples)

    def on_validation_epoch_end(self) -> None:
        predictions = sorted(self._gathered(), key=lambda prediction: prediction.index)
        self.predictions = []
        count = sum(len(records) for records in self.sets.values())
        if [prediction.index for prediction in predictions] != list(range(count)):
            raise RuntimeError("the processes did not read every radiograph once")
        start = 0
        for name, records in self.sets.items():
            part = predictions[start : start + len(records)]
            start += len(records)
            values = figures(part, records, self.recipe.task, self.classes)
            self.log_dict({f"{name}/{key}": value for key, value in values.items()})

    def _gathered(self) -> list[UncalibratedPrediction]:
        world = self.trainer.world_size
        if world == 1:
            return self.predictions
        parts: list[list[UncalibratedPrediction]] = [[] for _ in range(world)]
        torch.distributed.all_gather_object(parts, self.predictions)
        return [prediction for part in parts for prediction in part]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, index: int) -> Any:
        """Radiographs to validate on stay where they are; ``read`` moves their pixels."""
        return (
            batch
            if isinstance(batch, list)
            else super().transfer_batch_to_device(batch, device, index)
        )

    def configure_optimizers(self) -> Any:
        stages = self.network.stages()  # type: ignore[operator]
        optimizer = make_optimizer(stages, self.recipe.optimizer)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = make_schedule(optimizer, self.recipe, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A resumed run takes its rates and decay from the recipe, which may have been changed."""
        stages = self.network.stages()  # type: ignore[operator]
        fresh = make_optimizer(stages, self.recipe.optimizer).param_groups
        (schedule,) = checkpoint["lr_schedulers"]
        schedule["base_lrs"] = [group["lr"] for group in fresh]
        (optimizer,) = checkpoint["optimizer_states"]
        for group, new in zip(optimizer["param_groups"], fresh, strict=True):
            group["initial_lr"] = new["lr"]
            group |= {name: new[name] for name in new if name not in ("params", "lr")}

    def on_train_start(self) -> None:
        """The first step after a resumption already has the recipe's rates."""
        schedule: Any = self.lr_schedulers()
        rates = zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
        for group, (rate, factor) in zip(schedule.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor(schedule.last_epoch)
