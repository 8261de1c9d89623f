"""Kaggle's "Bone Break Classification Image Dataset" in its own layout (Darabi 2023).

A folder a type of fracture, each with ``Train`` and ``Test``. No image is without a fracture.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fractura.datasets.record import Dropped, Record, Split
from fractura.datasets.sources.folder import read_folder
from fractura.datasets.sources.source import Options, Source

FOLDER = "Bone Break Classification"
TYPES = (
    *("Avulsion fracture", "Comminuted fracture", "Fracture Dislocation", "Greenstick fracture"),
    *("Hairline Fracture", "Impacted fracture", "Longitudinal fracture", "Oblique fracture"),
    *("Pathological fracture", "Spiral Fracture"),
)
_SPLITS: dict[str, Split] = {"Train": "train", "Test": "test"}


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record a file, all ``fracture``, with the folder's type in lower case.

    Args:
        root: the folder that holds those of the types, or up to two above it (the archive has
            ``Bone Break Classification`` twice).
        options: its name prefixes the ids.

    Raises:
        SourceError: the folder of a type, or its ``Train`` or ``Test``, is missing.
    """
    while not (root / TYPES[0]).is_dir() and (root / FOLDER).is_dir():
        root = root / FOLDER
    classes = {f"{kind}/{split}": (kind, split) for kind in TYPES for split in _SPLITS}
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
        kind, split = found
        yield Record(
            id=f"{options.name}/{place}",
            path=path,
            source=options.name,
            label="fracture",
            fracture_types=(kind.lower(),),
            official_split=_SPLITS[split],
        )


SOURCE = Source(
    name="bone-break",
    title="Bone Break Classification Image Dataset (Darabi 2023, Kaggle)",
    address="https://www.kaggle.com/datasets/pkdarabi/bone-break-classification-image-dataset",
    licence=None,
    size="1,129 images",
    layout="a folder a type ('Avulsion fracture', …), each with Train and Test",
    read=read,
)
