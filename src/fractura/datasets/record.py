"""One labelled radiograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractura.findings import Box


@dataclass(frozen=True, eq=False)
class Record:
    """A radiograph's file and what its source says of it.

    Attributes:
        name: the record's identifier within its source.
        path: the image file.
        fractured: whether the image is labelled as showing a fracture.
        boxes: fractures, in pixels of the image.
        polygons: outline of each box's fracture, float32 ``[n, 2]`` (x, y); same order as boxes.
        regions: body regions in view, from ``findings.REGIONS``; empty where the source is silent.
        split: ``"train"``, ``"valid"`` or ``"test"``, where the source has an official split.
        number: position in the source's acquisition order, where neighbours may be one patient.
    """

    name: str
    path: Path
    fractured: bool
    boxes: tuple[Box, ...]
    polygons: tuple[NDArray[np.float32], ...]
    regions: tuple[str, ...]
    split: str
    number: int
