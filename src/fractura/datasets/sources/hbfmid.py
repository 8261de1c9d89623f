"""HBFMID, the Human Bone Fractures Multi-modal Image Dataset, in its own layout.

Parvin 2024, Mendeley Data, doi 10.17632/xwfs6xbk47.1: 510 radiographs and 131 MRI images, grown
to 1,539 by augmentation, in YOLO's layout with nine types of fracture and *Healthy*. Neither a
class nor a folder tells MRI from radiographs; file names do: ``20_mri_png.rf.<hash>.jpg`` and its
augmented copies ``20_mri_0_3663_jpeg.rf.<hash>.jpg``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fractura.datasets.record import Dropped, Label, Record, Remark
from fractura.datasets.sources import yolo
from fractura.datasets.sources.source import Options, Source

FOLDERS = ("Human Bone Fractures Multi-modal Image Dataset (HBFMID)", "Bone Fractures Detection")
TYPES = (
    *("Comminuted", "Greenstick", "Linear", "Oblique Displaced", "Oblique", "Segmental", "Spiral"),
    *("Transverse Displaced", "Transverse"),
)
_LABELS: dict[str, Label] = {**dict.fromkeys(TYPES, "fracture"), "Healthy": "normal"}
_MRI = re.compile(r"(^|[_-])mri([_.-]|$)", re.IGNORECASE)


def read(root: Path, options: Options) -> Iterator[Record | Dropped | Remark]:
    """One record an image; MRI has the modality ``MR`` and no split.

    ``extra["original"]`` is the name before ``.rf.``, which augmented copies of one picture share.

    Args:
        root: ``Bone Fractures Detection``, which holds ``data.yaml``, or up to two above it.
        options: its labels go before those of the data set.

    Raises:
        SourceError: as :func:`fractura.datasets.sources.yolo.read_as`.
    """
    for name in FOLDERS:
        root = root / name if (root / name).is_dir() else root
    told = replace(options, labels={**_LABELS, **options.labels})
    for item in yolo.read_as(SOURCE, root, told):
        yield _complete(item) if isinstance(item, Record) else item


def _complete(record: Record) -> Record:
    original = record.path.name.rpartition(".rf.")[0] or record.path.stem
    extra, notes = {"original": original}, record.notes
    label, split = record.label, record.official_split
    if record.annotations == ():
        label = "unknown"
        notes += ("nothing is marked, although healthy bones are marked elsewhere",)
    is_mri = bool(_MRI.search(original))
    if is_mri:
        notes += ("an MRI image by its file name, kept out of the splits",)
        extra |= {"published_split": split} if split else {}
    return replace(
        record,
        label=label,
        modality="MR" if is_mri else None,
        official_split=None if is_mri else split,
        notes=notes,
        extra=extra,
    )


SOURCE = Source(
    name="hbfmid",
    title="HBFMID: Human Bone Fractures Multi-modal Image Dataset (Parvin 2024, Mendeley Data)",
    address="https://doi.org/10.17632/xwfs6xbk47.1",
    licence=None,
    size="1,539 images",
    layout="data.yaml, and images/ and labels/ in each of train, valid and test",
    read=read,
)
