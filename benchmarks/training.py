"""Training speed beside plain PyTorch: images per second of whole epochs, in turns.

    python benchmarks/training.py --images 256 --rounds 5 --threads 1 --workers 1
    python benchmarks/training.py --manifest split.parquet --precision bf16 --out training.json

Ours is what ``fractura train`` runs: Lightning's trainer with the callbacks of a run, the store of
decoded images, the recipe's augmentation. Beside it stands a short loop as torchvision's reference
scripts are built (``references/classification`` and ``references/detection`` of torchvision): PIL
decodes every image in every epoch, transforms v2 vary it, ``DataLoader`` workers make batches, SGD
steps. Classification crops at random, flips and normalises, with cross-entropy. Detection flips;
the detector's own transform resizes and normalises.

Both have the same files, architecture, input size, batch, precision, threads and workers. Ours
has one grey channel and ``channels_last``, theirs three channels. ``default`` is ours with the
recipe's default augmentation, which does more than the reference's; ``alike`` is ours with as much
as the reference does.

Counted is the time from making an epoch's loader to the end of its last step. Not counted, on
either side: the first round, validation, checkpoints, plots. The time in which ours decodes
once is given apart. Epochs take turns (default, reference, alike, reference); a ratio is the
median of ours against the reference epoch that follows; above 1 ours is faster. On a busy machine
look at ``processor_ratio``, of this process's processor time, and take ``--workers 0``. Data are
square phantoms as 8-bit PNG files, or the training records of a manifest.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.models import detection, get_model
from torchvision.transforms import v2

from fractura.atomic_write import make_folder
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import read_manifest
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig
from fractura.imaging.save import save_png
from fractura.training.data.loader import training_loader
from fractura.training.data.plan import Plan
from fractura.training.data.store import open_store
from fractura.training.module import Training
from fractura.training.recipe import (
    Architecture,
    Augmentation,
    Data,
    OptimizerConfig,
    Recipe,
    Schedule,
    TrainerConfig,
)
from fractura.training.tasks import task_adapter
from fractura.training.trainer import Machine, make_trainer
from fractura.training.training_data import labels_of

RATE, MOMENTUM, DECAY = 1e-3, 0.9, 1e-4
CLASSES = ("no fracture", "fracture")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GREY = {"blur": 0, "noise": 0, "gamma": (1, 1), "contrast": (1, 1)}
AS_THEIRS = {
    "classification": Augmentation(rotation=0, scale=(0.85, 1.5), translation=0.1, **GREY),
    "detection": Augmentation(rotation=0, scale=(1, 1), translation=0, **GREY),
}
"""What the reference scripts do, in our words."""

Epoch = Callable[[], int]
"""Trains for an epoch; returns the number of images."""


@dataclass(frozen=True)
class Turn:
    """One epoch.

    Attributes:
        rate: images per second.
        processor: milliseconds of this process's processor time an image, without workers'.
    """

    rate: float
    processor: float


class Clock:
    """Times an epoch from its making."""

    def __init__(self) -> None:
        self.start, self.busy = time.perf_counter(), time.process_time()

    def turn(self, images: int) -> Turn:
        seconds, busy = time.perf_counter() - self.start, time.process_time() - self.busy
        return Turn(images / seconds, 1000 * busy / images)


def write_phantoms(folder: Path, number: int, side: int) -> list[Record]:
    """Phantoms as PNG files, every other one fractured."""
    records = []
    for seed in range(number):
        phantom = make_phantom(
            seed, fracture="transverse" if seed % 2 else None, width=side, height=side
        )
        path = folder / f"{seed}.png"
        save_png(path, np.rint(255 * phantom.radiograph.pixels).astype(np.uint8))
        marks = tuple(Annotation(FRACTURE, box) for box in phantom.boxes)
        records.append(
            Record(
                id=f"phantoms/{seed}",
                path=path,
                source="phantoms",
                label="fracture" if marks else "no fracture",
                annotations=marks,
                width=side,
                height=side,
                split="train",
            )
        )
    return records


class Pictures(Dataset[Any]):
    """RGB images by PIL, as the reference scripts read them."""

    def __init__(self, records: Sequence[Record], vary: v2.Transform, boxes: bool) -> None:
        self.records = records
        self.vary = vary
        self.boxes = boxes

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        record = self.records[index]
        with Image.open(record.path) as file:
            image = file.convert("RGB")
        if not self.boxes:
            return self.vary(image), int(bool(record.fractured))
        corners = torch.tensor([mark.box.as_list() for mark in record.fractures])
        boxes = tv_tensors.BoundingBoxes(
            corners.reshape(-1, 4).float(), format="XYXY", canvas_size=(image.height, image.width)
        )
        image, boxes = self.vary(image, boxes)
        labels = torch.ones(len(boxes), dtype=torch.int64)
        return image, {"boxes": boxes.as_subclass(Tensor), "labels": labels}


def their_classification(records: Sequence[Record], recipe: Recipe, options: Any) -> Epoch:
    """An epoch at a time of torchvision's classification reference, in short."""
    vary = v2.Compose(
        [
            v2.RandomResizedCrop(recipe.data.side, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    model = get_model("resnet18", num_classes=2)
    loss_of = nn.CrossEntropyLoss()

    def loss(images: Tensor, targets: Tensor) -> Tensor:
        return loss_of(model(images), targets)

    return _their_epoch(Pictures(records, vary, boxes=False), model, loss, None, recipe, options)


def their_detection(records: Sequence[Record], recipe: Recipe, options: Any) -> Epoch:
    """An epoch at a time of torchvision's detection reference, in short."""
    vary = v2.Compose(
        [v2.RandomHorizontalFlip(), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]
    )
    model = getattr(detection, recipe.model.name)(
        weights=None,
        weights_backbone=None,
        num_classes=2,
        min_size=recipe.data.side,
        max_size=recipe.data.side,
    )

    def loss(images: list[Tensor], targets: list[Any]) -> Tensor:
        return torch.stack(list(model(images, targets).values())).sum()

    pictures = Pictures(records, vary, boxes=True)
    return _their_epoch(pictures, model, loss, _listed, recipe, options)


def _listed(items: list[Any]) -> Any:
    images, targets = zip(*items, strict=True)
    return list(images), list(targets)


def _their_epoch(
    pictures: Pictures,
    model: nn.Module,
    loss_of: Callable[..., Tensor],
    collate: Any,
    recipe: Recipe,
    options: Any,
) -> Epoch:
    model.to(options.device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    scaler = torch.amp.GradScaler(options.device, enabled=recipe.trainer.precision == "fp16")
    mixed = recipe.trainer.precision != "fp32"
    loader = DataLoader(
        pictures,
        batch_size=recipe.trainer.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=options.workers,
        collate_fn=collate,
        pin_memory=options.device == "cuda",
    )

    def epoch() -> int:
        done = 0
        for images, targets in loader:
            images, targets = _moved(images, options.device), _moved(targets, options.device)
            with torch.autocast(options.device, DTYPES[recipe.trainer.precision], enabled=mixed):
                loss = loss_of(images, targets)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            loss.item()  # the reference scripts log it
            done += len(targets)
        if options.device == "cuda":
            torch.cuda.synchronize()
        return done

    return epoch


def _moved(value: Any, device: str) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: _moved(item, device) for name, item in value.items()}
    return [_moved(item, device) for item in value]


class Turns(lightning.LightningDataModule):
    """Our training loader, a fresh one every epoch as in ``fractura train``.

    Between two of our epochs the reference has its turn.
    """

    def __init__(self, stores: Any, recipes: Sequence[Recipe], workers: int, other: Epoch) -> None:
        super().__init__()
        store, self.labels = stores
        self.store = store
        self.recipes = recipes
        self.workers = workers
        self.other = other
        self.clock = Clock()
        self.theirs: list[Turn] = []

    def train_dataloader(self) -> Any:
        assert self.trainer is not None
        epoch = self.trainer.current_epoch
        recipe = self.recipes[epoch % len(self.recipes)]
        if epoch:
            self.their_turn()
        self.clock = Clock()
        plan = Plan(self.labels, self.store, recipe)
        return training_loader(self.store, plan, epoch, recipe, self.workers)

    def their_turn(self) -> None:
        clock = Clock()
        self.theirs.append(clock.turn(self.other()))


class Watch(Callback):
    """Times our epochs."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.ours: list[Turn] = []
        self.images = 0

    def on_train_epoch_start(self, *_: Any) -> None:
        self.images = 0

    def on_train_batch_end(self, trainer: Any, module: Any, out: Any, batch: Any, _: int) -> None:
        self.images += len(batch.images)
        if trainer.is_last_batch:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ours.append(self.turns.clock.turn(self.images))


def compare(
    name: str, recipe: Recipe, other: Epoch, records: Sequence[Record], options: Any, folder: Path
) -> dict[str, Any]:
    """Run ours and the reference in turns."""
    start = time.perf_counter()
    store = open_store(records, recipe.data, folder / "cache", options.workers or 1)
    decoding = time.perf_counter() - start
    chosen = task_adapter(recipe)
    network = chosen.build(recipe, len(CLASSES)).to(memory_format=torch.channels_last)
    module = Training(network, chosen, recipe, CLASSES, torch.ones(len(CLASSES)), {})
    alike = recipe.model_copy(update={"augmentation": AS_THEIRS[name]})
    labels = labels_of(store.records, recipe, CLASSES)
    turns = Turns((store, labels), (recipe, alike), options.workers, other)
    watch = Watch(turns)
    make_folder(folder / name)
    accelerator = "gpu" if options.device == "cuda" else "cpu"
    machine = Machine(workers=options.workers, accelerator=accelerator, devices="1")
    trainer = make_trainer(recipe, folder / name, "valid/loss", machine, None)
    trainer.callbacks.append(watch)
    trainer.fit(module, datamodule=turns)
    turns.their_turn()
    ours, theirs = watch.ours[2:], turns.theirs[2:]
    result: dict[str, Any] = {
        "model": recipe.model.name,
        "side": recipe.data.side,
        "batch": recipe.trainer.batch_size,
        "images": len(store),
        "decoding_once_seconds": round(decoding, 2),
        "reference": rates(theirs),
    }
    for place, words in enumerate(("default", "alike")):
        pairs = list(zip(ours, theirs, strict=True))[place::2]
        ratios = [our.rate / their.rate for our, their in pairs]
        processor = [their.processor / our.processor for our, their in pairs]
        result[words] = {
            **rates([our for our, _ in pairs]),
            "ratio": round(median(ratios), 3),
            "ratios": [round(ratio, 3) for ratio in ratios],
            "processor_ratio": round(median(processor), 3),
        }
    return result


def rates(turns: Sequence[Turn]) -> dict[str, float]:
    """Median, lowest and highest images per second, and processor time."""
    values = [turn.rate for turn in turns]
    found = {"images_per_second": median(values), "lowest": min(values), "highest": max(values)}
    found["processor_ms"] = median([turn.processor for turn in turns])
    return {name: round(value, 1) for name, value in found.items()}


def recipe_of(task: Any, model: str, side: int, batch: int, options: Any) -> Recipe:
    """A recipe with the reference's optimizer and the default augmentation."""
    epochs = 2 * (options.rounds + 1)
    return Recipe(
        name=model,
        task=task,
        model=Architecture(name=model, pretrained="none", dropout=0),
        data=Data(preprocess=PreprocessConfig(long_side=side, multiple=side)),
        optimizer=OptimizerConfig(
            name="sgd", head_lr=RATE, backbone_lr=RATE, momentum=MOMENTUM, weight_decay=DECAY
        ),
        schedule=Schedule(name="constant"),
        trainer=TrainerConfig(
            epochs=epochs, batch_size=batch, grad_clip_norm=0, precision=options.precision
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=Path, help="phantoms if left out")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--picture", type=int, default=448, help="side of the phantoms, in pixels")
    parser.add_argument("--side", type=int, default=224, help="input of the classifier")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--detector", default="fasterrcnn_mobilenet_v3_large_fpn")
    parser.add_argument("--detection-side", type=int, default=320)
    parser.add_argument("--detection-batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5, help="besides one that is not counted")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--precision", choices=list(DTYPES), default="fp32")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--only", choices=list(AS_THEIRS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    classifier = recipe_of("binary-fracture", "resnet18", options.side, options.batch, options)
    detector = recipe_of(
        "detection", options.detector, options.detection_side, options.detection_batch, options
    )
    tasks = {
        "classification": (classifier, their_classification),
        "detection": (detector, their_detection),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.manifest:
            found = read_manifest(options.manifest).records
            records = [item for item in found if item.split == "train"][: options.images]
        else:
            records = write_phantoms(folder, options.images, options.picture)
        results = {
            task: compare(task, recipe, make(records, recipe, options), records, options, folder)
            for task, (recipe, make) in tasks.items()
            if options.only in (None, task)
        }
    report = {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "processor": torch.cuda.get_device_name() if options.device == "cuda" else cpu_name(),
        "threads": options.threads,
        "workers": options.workers,
        "precision": options.precision,
        "rounds": options.rounds,
        "tasks": results,
    }
    text = json.dumps(report, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def cpu_name() -> str:
    """The processor's model, where the system tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
