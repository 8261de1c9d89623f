"""Every kind of data set that can be read, by the name it has in the command."""

from __future__ import annotations

from fractura.datasets.sources import (
    bone_break,
    class_folders,
    coco,
    dicom_tree,
    fracatlas,
    grazpedwri,
    hbfmid,
    kaggle_multi_region,
    mura,
    roboflow,
    rsna,
    table,
    voc,
    yolo,
)
from fractura.datasets.sources.source import Source

_PUBLISHED = (mura, grazpedwri, fracatlas, kaggle_multi_region, bone_break, hbfmid, roboflow)
_GENERAL = (class_folders, yolo, coco, voc, rsna, table, dicom_tree)
SOURCES: dict[str, Source] = {
    module.SOURCE.name: module.SOURCE for module in (*_PUBLISHED, *_GENERAL)
}
