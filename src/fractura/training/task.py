"""The Lightning module: optimisation, and validation on whole radiographs."""

from __future__ import annotations

import math
from typing import Any

import lightning
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fractura.evaluation.detection import pooled_average_precision
from fractura.models.network import FractureNetwork
from fractura.training.calibrate import run_network
from fractura.training.data import Whole
from fractura.training.objective import Targets, objective
from fractura.training.recipe import Recipe


class FractureTask(lightning.LightningModule):
    """Trains a :class:`FractureNetwork` by a recipe; validates on named lists of radiographs."""

    def __init__(
        self, network: FractureNetwork, recipe: Recipe, sets: dict[str, list[Whole]]
    ) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.sets = sets

    def training_step(self, batch: tuple[Tensor, Targets], _: int) -> Tensor:
        # Dropout follows from the seed and the step alone, so that a resumed run draws the same.
        torch.manual_seed(self.recipe.seed + 1_000_003 * self.global_step)
        images, targets = batch
        output = self.network(images.contiguous(memory_format=torch.channels_last))
        terms = objective(output, targets)
        self.log_dict({f"loss/{name}": term for name, term in terms.items()}, on_epoch=True)
        return torch.stack(list(terms.values())).sum()

    def validation_step(self, batch: Any, _: int) -> None:
        """Measure every named list; the one batch of the validation loader stands for all."""
        for name, wholes in self.sets.items():
            self.log_dict({f"{name}/{key}": value for key, value in self.measure(wholes).items()})

    def measure(self, wholes: list[Whole]) -> dict[str, float]:
        """AUROC of the image logit and of the best box, AP50 with and without normals."""
        outputs = run_network(self.network, wholes)
        fractured = [
            item
            for item, positive in zip(outputs.matches, outputs.fractured, strict=True)
            if positive
        ]
        return {
            "auroc_image": float(roc_auc_score(outputs.fractured, outputs.image)),
            "auroc_boxes": float(roc_auc_score(outputs.fractured, outputs.best_box)),
            "ap50": pooled_average_precision(outputs.matches),
            "ap50_fractured": pooled_average_precision(fractured),
        }

    def configure_optimizers(self) -> Any:
        backbone = ("early.", "stride_")
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, parameter in self.network.named_parameters():
            if parameter.requires_grad:
                groups[name.startswith(backbone)].append(parameter)
        optimizer = torch.optim.AdamW(
            [
                {"params": groups[True], "lr": self.recipe.backbone_rate},
                {"params": groups[False], "lr": self.recipe.head_rate},
            ],
            weight_decay=self.recipe.weight_decay,
        )
        total = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: rate_factor(step, total, self.recipe.warmup_steps)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def rate_factor(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine down to a fiftieth."""
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress))
