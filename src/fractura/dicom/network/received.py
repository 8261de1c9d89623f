"""A DICOM object that came over the network, and what decides whether it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from fractura.errors import DamagedFileError
from fractura.imaging.dicom_file.parse import parse

IMPLEMENTATION_UID = "2.25.246813061797193925735168443163497190561"
IMPLEMENTATION_VERSION = "FRACTURA"
UID_PATTERN = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*")
_KEYWORDS = [
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("Modality", "BodyPartExamined", "ImageType", "Manufacturer", "NumberOfFrames"),
]
_MAX_TEXT = 1024


@dataclass(frozen=True)
class Received:
    """One object.

    Attributes:
        data: a whole file (PS3.10): preamble, file meta information, data set.
        sop_class_uid, sop_instance_uid, study_uid, series_uid: digits and dots.
        modality, body_part: upper case; empty where the object does not say.
        image_type: the values of Image Type, upper case.
        manufacturer: of the device; empty where the object does not say.
        frames: as it says; 1 where it does not, or what it says is no number.
        calling_title: the sender's application entity title; empty for an archive.
        address: the sender's.
    """

    data: bytes
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    modality: str
    body_part: str
    image_type: tuple[str, ...]
    manufacturer: str
    frames: int
    calling_title: str
    address: str


def receive(data: bytes, *, calling_title: str = "", address: str = "") -> Received:
    """Parse what :class:`Received` tells of a file.

    Raises:
        DamagedFileError: it cannot be parsed, or lacks an identifier.
        TooLargeError: it has too many elements, or inflates to too much.
    """
    if data[128:132] != b"DICM":
        raise DamagedFileError("the object is no DICOM file")
    dataset = parse(data, _KEYWORDS)
    return Received(
        data=data,
        sop_class_uid=_uid(dataset, "SOPClassUID"),
        sop_instance_uid=_uid(dataset, "SOPInstanceUID"),
        study_uid=_uid(dataset, "StudyInstanceUID"),
        series_uid=_uid(dataset, "SeriesInstanceUID"),
        modality=_text(dataset, "Modality").upper(),
        body_part=_text(dataset, "BodyPartExamined").upper(),
        image_type=tuple(
            part.strip().upper() for part in _text(dataset, "ImageType").split("\\") if part
        ),
        manufacturer=_text(dataset, "Manufacturer"),
        frames=_frames(dataset),
        calling_title=calling_title,
        address=address,
    )


def as_file(dataset: bytes, *, sop_class: str, sop_instance: str, transfer_syntax: str) -> bytes:
    """A file (PS3.10, 7.1) around a data set, of which no byte changes.

    The same data set gives the same file, whoever sends it.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(sop_instance)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION
    head = DicomBytesIO()
    write_file_meta_info(head, meta)
    return b"".join((bytes(128), b"DICM", head.getvalue(), dataset))


def _uid(dataset: Dataset, keyword: str) -> str:
    value = _text(dataset, keyword)
    if not UID_PATTERN.fullmatch(value):
        raise DamagedFileError(f"the object has no valid {keyword}")
    return value


def _frames(dataset: Dataset) -> int:
    count = _value(dataset, "NumberOfFrames")
    return max(1, int(count)) if isinstance(count, int) else 1


def _text(dataset: Dataset, keyword: str) -> str:
    """The value, several joined by a backslash; empty where it is absent or damaged."""
    value = _value(dataset, keyword)
    if value is None:
        return ""
    parts = [value] if isinstance(value, str) else value
    try:
        return "\\".join(str(part) for part in parts)[:_MAX_TEXT].strip(" \0")
    except TypeError:
        return ""


def _value(dataset: Dataset, keyword: str) -> Any:
    """``None`` where it is absent or damaged."""
    try:
        return dataset.get(keyword)
    except Exception:  # pydicom raises many types on damaged values
        return None
