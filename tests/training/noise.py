"""Pictures of coarse noise and recipes so small that a run takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.findings import Box
from fractura.imaging.save import save_png
from fractura.training.recipe import Recipe, parse_recipe

if TYPE_CHECKING:
    from fractura.training.run_folder import Run

SIDE = 32
MARK = Annotation(FRACTURE, Box(10, 12, 40, 40), (((10, 12), (40, 12), (40, 40), (10, 40)),))


def write_noise(
    root: Path, number: int = 24, change: Callable[[int], dict[str, Any]] = lambda _: {}
) -> Path:
    """Every third picture is fractured, every fourth validates; ``change`` alters the records."""
    root.mkdir(parents=True, exist_ok=True)
    records = []
    for index in range(number):
        path = root / f"{index}.png"
        pixels = np.random.default_rng(index).integers(0, 255, (12, 16), dtype=np.uint8)
        save_png(path, cv2.resize(pixels, (64, 48), interpolation=cv2.INTER_CUBIC))
        fields: dict[str, Any] = {
            "label": "no fracture" if index % 3 else "fracture",
            "regions": (("hand", "leg")[index % 2],),
            "annotations": () if index % 3 else (MARK,),
            "split": "valid" if index % 4 == 3 else "train",
        }
        fields |= change(index)
        records.append(Record(id=f"noise/{index}", path=path, source="noise", **fields))
    write_manifest(root / "m.parquet", Manifest(tuple(records)))
    return root / "m.parquet"


def recipe(**parts: Any) -> Recipe:
    """The custom CNN for two epochs; parts are merged into it."""
    content: dict[str, Any] = {
        "name": "tiny",
        "task": "binary-fracture",
        "model": {"name": "custom-cnn", "pretrained": "none"},
        "data": {"preprocess": {"long_side": SIDE, "multiple": SIDE}},
        "trainer": {"epochs": 2, "batch_size": 6},
    }
    for name, part in parts.items():
        content[name] = {**content.get(name, {}), **part} if isinstance(part, dict) else part
    return parse_recipe(content, "tiny")


CLASSIFIER = recipe(
    objective={"mixup": 0.2, "class_weights": "balanced"},
    freeze={"epochs": 1},
    trainer={"epochs": 4, "ema_decay": 0.5, "accumulate": 2},
)
DETECTOR = recipe(
    task="detection",
    model={"name": "ssdlite320_mobilenet_v3_large"},
    data={"preprocess": {"long_side": 64, "multiple": 64}},
    trainer={"batch_size": 4, "ema_decay": 0.5},
)
MULTI_TASK = recipe(
    task="multi-task",
    model={"name": "fractura", "channels": 8},
    data={"preprocess": {"long_side": 64, "multiple": 32}, "phantoms": 2},
    schedule={"warmup_steps": 2},
    trainer={"ema_decay": 0.5},
)

TWO_STAGE = recipe(
    task="multi-task",
    model={
        "name": "fractura-two-stage",
        "channels": 8,
        "base_runs": ["-"],
        "crop_fill": [0.4, 0.3],
        "pretrained": "none",
    },
    data={"preprocess": {"long_side": 64, "multiple": 32}},
    freeze={"epochs": 1},
    trainer={"ema_decay": 0.5},
)


def run(
    chosen: Recipe, manifest: Path, out: Path, *, resume: bool = False, workers: int = 0
) -> Run:
    from fractura.training.run import train
    from fractura.training.trainer import Machine

    machine = Machine(workers, accelerator="cpu", devices="1")
    return train(chosen, manifest, out, machine=machine, resume=resume, log=lambda _: None)
