"""Roboflow's *bone-fracture-detection-daoon*, version 4, and its copy on Kaggle.

Its classes are named ``forearm fracture``, ``elbow positive`` and ``humerus``. The publishers of
both places describe all of them as kinds of fracture, and so all are read as ``fracture``. (The
marks of ``humerus`` were looked at in 24 pictures: most enclose a visible fracture of the shaft
or neck, others a bone with a plate.) The names, however, are those of MURA's folders
(``XR_ELBOW``, ``study1_positive``), where *positive* means abnormal of any kind, and so are file
names and sizes. A note carries that doubt into every record with such a class, and the licence
carries its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fractura.datasets.record import Dropped, Label, Record, Remark
from fractura.datasets.sources import yolo
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.words import tidy

REGIONS = {
    "elbow positive": "elbow",
    "fingers positive": "fingers",
    "forearm fracture": "forearm",
    "humerus fracture": "humerus",
    "humerus": "humerus",
    "shoulder fracture": "shoulder",
    "wrist positive": "wrist",
}
"""The body region that each class names."""

_LABELS: dict[str, Label] = dict.fromkeys(REGIONS, "fracture")


def read(root: Path, options: Options) -> Iterator[Record | Dropped | Remark]:
    """One record an image, with its polygons; regions are those of its classes.

    ``extra["original"]`` is the name before ``.rf.``, which augmented copies of one picture share.

    Args:
        root: the folder that holds ``data.yaml``.
        options: its labels go before those above (``elbow positive=abnormal``).

    Raises:
        SourceError: as :func:`fractura.datasets.sources.yolo.read_as`.
    """
    told = replace(options, labels={**_LABELS, **options.labels})
    for item in yolo.read_as(SOURCE, root, told, tidy):
        yield _with_regions(item) if isinstance(item, Record) else item


def _with_regions(record: Record) -> Record:
    marks = record.annotations or ()
    classes = sorted({mark.kind or mark.label for mark in marks})
    doubtful = [repr(name) for name in classes if not name.endswith("fracture")]
    notes = record.notes
    if doubtful:
        notes += (
            f"the publisher describes the class {' and '.join(doubtful)} as a fracture, but its "
            "name does not say so and may mean MURA's positive, which is abnormal",
        )
    return replace(
        record,
        regions=tuple(sorted({REGIONS[name] for name in classes if name in REGIONS})),
        fracture_types=(),
        annotations=None
        if record.annotations is None
        else tuple(replace(mark, kind=None) for mark in marks),
        notes=notes,
        extra={"original": record.path.name.rpartition(".rf.")[0] or record.path.stem},
    )


SOURCE = Source(
    name="roboflow",
    title="Bone Fracture Detection (Roboflow bone-fracture-detection-daoon v4; Kaggle pkdarabi)",
    address="https://universe.roboflow.com/veda/bone-fracture-detection-daoon/dataset/4 or "
    "https://www.kaggle.com/datasets/pkdarabi/bone-fracture-detection-computer-vision-project",
    licence="CC BY 4.0 as stated; files point to MURA, which forbids redistribution",
    size="4,148 images, 0.2 GB",
    layout="data.yaml, and images/ and labels/ in each of train, valid and test",
    read=read,
)
