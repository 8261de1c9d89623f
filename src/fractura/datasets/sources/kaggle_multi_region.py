"""Kaggle's "Fracture Multi-Region X-ray Data" in its own layout (Rodrigo 2024).

It joins three older Kaggle sets. Names such as ``1-rotated1-rotated2.jpg`` are turned copies of
``1.jpg``; copies, turned or not, lie in several of its splits, and some files are empty. Empty
files are dropped when the manifest is built; copies stay, for the audit to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fractura.datasets.record import Dropped, Label, Record, Split
from fractura.datasets.sources.folder import read_folder
from fractura.datasets.sources.source import Options, Source

FOLDER = "Bone_Fracture_Binary_Classification"
_SPLITS: dict[str, Split] = {"train": "train", "val": "valid", "test": "test"}
_LABELS: dict[str, Label] = {"fractured": "fracture", "not fractured": "no fracture"}


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record a file.

    Args:
        root: the folder that holds ``train``, ``val`` and ``test``, or up to two above it (the
            archive has ``Bone_Fracture_Binary_Classification`` twice).
        options: its name prefixes the ids.

    Raises:
        SourceError: a split or one of its two class folders is missing.
    """
    while not (root / "train").is_dir() and (root / FOLDER).is_dir():
        root = root / FOLDER
    classes = {f"{split}/{name}": (split, name) for split in _SPLITS for name in _LABELS}
    for place in classes:
        if not (root / place).is_dir():
            raise SOURCE.missing(root / place)
    folder = read_folder(root, SOURCE)
    yield from folder.lost
    for place, path in folder.images.items():
        found = classes.get(place.rpartition("/")[0])
        if found is None:
            yield Dropped(place, "files outside the class folders")
            continue
        split, name = found
        yield Record(
            id=f"{options.name}/{place}",
            path=path,
            source=options.name,
            label=_LABELS[name],
            official_split=_SPLITS[split],
        )


SOURCE = Source(
    name="kaggle-multi-region",
    title="Fracture Multi-Region X-ray Data (Rodrigo 2024, Kaggle)",
    address="https://www.kaggle.com/datasets/bmadushanirodrigo/fracture-multi-region-x-ray-data",
    licence="ODC-By 1.0",
    size="10,580 files, 0.5 GB",
    layout=f"{FOLDER} with train, val and test, each with 'fractured' and 'not fractured'",
    read=read,
)
