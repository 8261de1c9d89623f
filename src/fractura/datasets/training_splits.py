"""What a training run takes from a manifest, and what it must not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Record


@dataclass(frozen=True)
class TrainingSplits:
    """What trains, the fold that is held out of the training range, and what validates."""

    train: tuple[Record, ...]
    fold: tuple[Record, ...]
    valid: tuple[Record, ...]


def choose_splits(records: Sequence[Record], fold: int | None) -> TrainingSplits:
    """Choose by ``split``, ``fold`` and ``copies``.

    Args:
        records: of a manifest that ``fractura data split`` has split.
        fold: number of the fold to hold out of the training range; ``None`` holds out none.

    Raises:
        ManifestError: nothing to train on or to validate on; one group lies on both sides.
    """
    official = [record for record in records if record.split == "train"]
    splits = TrainingSplits(
        train=tuple(
            record
            for record in official
            if record.copies > 0 and (fold is None or record.fold != fold)
        ),
        fold=tuple(record for record in official if fold is not None and record.fold == fold),
        valid=tuple(record for record in records if record.split == "valid"),
    )
    for name, needed in (("train", True), ("fold", fold is not None), ("valid", True)):
        if needed and not getattr(splits, name):
            raise ManifestError(
                f"the manifest has no radiograph to {'train on' if name == 'train' else 'hold out'}"
                f" ({name}); split it first with fractura data split"
            )
    refuse_torn_groups({"train": splits.train, "fold": splits.fold, "valid": splits.valid})
    return splits


def refuse_torn_groups(splits: Mapping[str, Sequence[Record]]) -> None:
    """See that no group of one picture or patient lies in several of the named splits.

    Raises:
        ManifestError: one does.
    """
    places: dict[str, set[str]] = defaultdict(set)
    for name, records in splits.items():
        for record in records:
            if record.group is not None:
                places[record.group].add(name)
    torn = sorted(group for group, names in places.items() if len(names) > 1)
    if torn:
        names = [name for name, records in splits.items() if records]
        raise ManifestError(
            f"the split leaks: {len(torn):,} groups of one picture or patient lie in several of "
            f"{', '.join(names[:-1])} and {names[-1]} (the first is {torn[0]}); split again with "
            "fractura data split"
        )
