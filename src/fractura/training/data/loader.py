"""Batches for training, and whole radiographs for validation and test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fractura.datasets.record import Record
from fractura.errors import FracturaError, LoadError
from fractura.imaging.load import load
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.training.data.batch import TrainingItem, collate
from fractura.training.data.epoch import Epoch
from fractura.training.data.plan import Plan
from fractura.training.data.store import ImageStore
from fractura.training.recipe import Recipe


def training_loader(
    store: ImageStore,
    plan: Plan,
    epoch: int,
    recipe: Recipe,
    workers: int,
    rank: int = 0,
    world: int = 1,
) -> DataLoader[TrainingItem]:
    """The :class:`~fractura.training.data.batch.Batch`es of one epoch, for one process.

    What comes out does not depend on ``workers``, and no global random state is used. Where the
    task tells fractures, an image whose fractures all left the frame counts as not fractured.

    Args:
        store: the images.
        plan: which of them, in which order.
        epoch: counted from 0.
        recipe: frame, preprocess, augmentation and task.
        workers: processes that augment; 0 does it in this one.
        rank, world: number of this process, and how many train together.

    Raises:
        FracturaError: there are fewer images in a batch than processes.
    """
    own: Any = parts_of(plan.epoch(epoch), rank, world)
    return DataLoader(
        Epoch(store, plan, epoch, recipe),
        batch_sampler=own,
        collate_fn=collate,
        **how_to_load(workers),
    )


def parts_of(batches: Sequence[Sequence[Any]], rank: int, world: int) -> list[Sequence[Any]]:
    """What process ``rank`` of ``world`` reads of each batch.

    Raises:
        FracturaError: there are fewer items in a batch than processes.
    """
    if len(batches[0]) < world:
        raise FracturaError(
            f"a batch of {len(batches[0])} cannot be shared by {world} processes; take fewer"
            " processes or a larger trainer.batch_size"
        )
    return [batch[rank::world] for batch in batches]


class EvaluationImage(NamedTuple):
    """One radiograph, fitted exactly as for inference.

    Attributes:
        index: of its record.
        image: float32 ``[1, 1, H, W]``.
        boxes: around the marked fractures, float32 ``[n, 4]``, in pixels of ``image``.
        scale: pixels of ``image`` for each of the source, across and down.
    """

    index: int  # type: ignore[assignment]
    image: Tensor
    boxes: NDArray[np.float32]
    scale: tuple[float, float]


def read_evaluation_image(
    record: Record, parameters: PreprocessConfig, index: int = 0
) -> EvaluationImage:
    """Load and preprocess one record.

    Raises:
        LoadError: the file cannot be read.
    """
    image, placement = preprocess(load(record.path).pixels, parameters)
    scale = (placement.scale_x, placement.scale_y)
    boxes = np.array([mark.box.as_list() for mark in record.fractures], dtype=np.float32)
    boxes = placement.to_input(boxes.reshape(-1, 4))
    return EvaluationImage(index, torch.from_numpy(image), boxes, scale)


def load_evaluation_images(
    records: Sequence[Record], parameters: PreprocessConfig
) -> list[EvaluationImage]:
    """Load and preprocess a few records in this process.

    Raises:
        LoadError: a file cannot be read.
    """
    return [
        read_evaluation_image(record, parameters, index) for index, record in enumerate(records)
    ]


def evaluation_loader(
    records: Sequence[Record],
    parameters: PreprocessConfig,
    workers: int,
    rank: int = 0,
    world: int = 1,
    batch: int = 1,
) -> DataLoader[Any]:
    """Lists of up to ``batch`` :class:`EvaluationImage`, for process ``rank`` of ``world``.

    Over all processes each record comes exactly once, and ``index`` is its place in
    ``records``. Going through it raises :class:`~fractura.errors.FracturaError` where a file
    cannot be read: figures over the others alone would be of another data set.
    """
    own = list(range(rank, len(records), world))
    batches: Any = [own[start : start + batch] for start in range(0, len(own), batch)]
    samples = _EvaluationImages(tuple(records), parameters)
    return _EvaluationLoader(
        samples, batch_sampler=batches, collate_fn=list, **how_to_load(workers)
    )


class _EvaluationLoader(DataLoader[Any]):
    """Raises in the process of the caller what a worker only hands on, without its traceback."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for samples in super().__iter__():
            for sample in samples:
                if isinstance(sample, str):
                    raise FracturaError(f"{sample}; repair it, or leave it out of the manifest")
            yield samples


class _EvaluationImages(Dataset[Any]):
    def __init__(self, records: tuple[Record, ...], parameters: PreprocessConfig) -> None:
        self.records = records
        self.parameters = parameters

    def __getitem__(self, index: int) -> EvaluationImage | str:
        try:
            return read_evaluation_image(self.records[index], self.parameters, index)
        except LoadError as error:
            return str(error)


def how_to_load(workers: int) -> dict[str, Any]:
    """Arguments of every ``DataLoader`` here."""
    return {
        "num_workers": workers,
        "pin_memory": torch.cuda.is_available(),
        "worker_init_fn": _one_thread if workers else None,
        "generator": torch.Generator().manual_seed(0),
    }


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)
