"""What a training run takes from a manifest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fractura.datasets.manifest import ManifestError
from fractura.datasets.record import Record


@dataclass(frozen=True)
class Parts:
    """What trains, the fold that is held out of the training range, and what validates."""

    train: tuple[Record, ...]
    fold: tuple[Record, ...]
    valid: tuple[Record, ...]


def parts_for_fractures(records: Sequence[Record], fold: int | None) -> Parts:
    """Choose by ``split``, ``fold`` and ``copies``.

    Args:
        records: of a manifest that ``fractura data split`` has split.
        fold: number of the fold to hold out of the training range; ``None`` holds out none.

    Raises:
        ManifestError: nothing to train on or to validate on; a label does not tell whether there
            is a fracture (``abnormal`` is never taken for one); one group lies on both sides.
    """
    official = [record for record in records if record.split == "train"]
    parts = Parts(
        train=tuple(
            record
            for record in official
            if record.copies > 0 and (fold is None or record.fold != fold)
        ),
        fold=tuple(record for record in official if fold is not None and record.fold == fold),
        valid=tuple(record for record in records if record.split == "valid"),
    )
    for name, needed in (("train", True), ("fold", fold is not None), ("valid", True)):
        if needed and not getattr(parts, name):
            raise ManifestError(
                f"the manifest has no radiograph to {'train on' if name == 'train' else 'hold out'}"
                f" ({name}); split it first with fractura data split"
            )
    _check_labels((*parts.train, *parts.fold, *parts.valid))
    _check_groups(parts)
    return parts


def _check_labels(records: Sequence[Record]) -> None:
    silent = [record for record in records if record.fractured is None]
    if silent:
        labels = sorted({record.label for record in silent})
        raise ManifestError(
            f"{len(silent):,} radiographs to train or validate on are labelled "
            f"{' or '.join(labels)}, which does not tell whether there is a fracture (the first is "
            f"{silent[0].id}); leave them out of the splits"
        )


def _check_groups(parts: Parts) -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for name in ("train", "fold", "valid"):
        for record in getattr(parts, name):
            if record.group is not None:
                places[record.group].add(name)
    torn = sorted(group for group, names in places.items() if len(names) > 1)
    if torn:
        raise ManifestError(
            f"the split leaks: {len(torn):,} groups of one picture or patient lie in several of "
            f"train, fold and valid (the first is {torn[0]}); split again with fractura data split"
        )
