"""Hold a fold of the training range out, without leaving its patients' other images inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.duplicates import near_duplicates
from fractura.datasets.record import Record

BLOCK = 32


@dataclass(frozen=True)
class Parts:
    """What trains, what is held out of the training range, what validates, what was dropped."""

    train: tuple[Record, ...]
    fold: tuple[Record, ...]
    valid: tuple[Record, ...]
    dropped: tuple[Record, ...]


def held_out(record: Record, folds: int, fold: int) -> bool:
    """Whether a record's block belongs to the fold."""
    return record.number // BLOCK % folds == fold


def part(
    records: Sequence[Record],
    thumbnails: Mapping[str, NDArray[np.float32]],
    *,
    folds: int,
    fold: int,
) -> Parts:
    """Split an official training range into training images and one held-out fold.

    Neighbouring numbers are often views of one patient, so the fold takes whole blocks of
    :data:`BLOCK` consecutive numbers. An image of the training range is dropped from training
    if it is a near-duplicate of an image in the fold or in valid, or a direct neighbour in
    number of such an image or of a fold's block.
    """
    official = [record for record in records if record.split == "train"]
    valid = [record for record in records if record.split == "valid"]
    held = [record for record in official if held_out(record, folds, fold)]
    rest = [record for record in official if not held_out(record, folds, fold)]
    seen = near_duplicates(
        [thumbnails[record.name] for record in rest],
        [thumbnails[record.name] for record in (*held, *valid)],
    )
    unsafe = {record.number for record, same in zip(rest, seen, strict=True) if same}
    unsafe |= {record.number for record in held}
    train: list[Record] = []
    dropped: list[Record] = []
    for record in rest:
        near = {record.number - 1, record.number, record.number + 1} & unsafe
        (dropped if near else train).append(record)
    return Parts(tuple(train), tuple(held), tuple(valid), tuple(dropped))
