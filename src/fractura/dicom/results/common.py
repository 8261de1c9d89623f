"""What all results share: one image that was read, their identifiers, patient and dates."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.valuerep import DA, DT, TM

from fractura.dicom.results.source import COPIED, SourceImage
from fractura.errors import FracturaError
from fractura.findings import Finding, Reading
from fractura.imaging.radiograph import Radiograph
from fractura.reading.model import ModelDescription
from fractura.version import __version__

MANUFACTURER = "fractura"
NOTICE = "not for clinical use"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "fractura/dicom/results")
_LONG_STRING = 64
_REQUIRED = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
    *("StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
"""Type 2: there, even if nothing is known."""
_UNPAIRED = (
    *("CHEST", "ABDOMEN", "PELVIS", "HEAD", "SKULL", "JAW", "NECK", "STERNUM", "COCCYX"),
    *("SPINE", "CSPINE", "TSPINE", "LSPINE", "SSPINE", "CTSPINE", "TLSPINE", "LSSPINE"),
)
"""Body parts of PS3.16, Annex L, that have no side."""


@dataclass(frozen=True, eq=False)
class ReadImage:
    """A DICOM radiograph and what a model said of it.

    Attributes:
        source: the object that the results refer to.
        radiograph: its pixels.
        reading: of these pixels, boxes in pixels of the image.
        model: the model that read.
        made: when the results were made, with its time zone. The same image, reading, model and
            time give the same bytes.
    """

    source: SourceImage
    radiograph: Radiograph
    reading: Reading
    model: ModelDescription
    made: datetime

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings at the model's operating points, by falling score."""
        points = self.model.operating_points
        return points.listed(self.reading.decision, self.reading.findings)


def import_highdicom() -> Any:
    """The optional package.

    Raises:
        FracturaError: it is not installed.
    """
    try:
        import highdicom
    except ImportError as error:
        raise FracturaError(
            'results in DICOM need highdicom: pip install "fractura[dicom]"'
        ) from error
    return highdicom


def instance_uid(source: SourceImage, model: ModelDescription, kind: str) -> str:
    """The SOP Instance UID of a result: always the same for an image (frame), model and kind.

    It is a UUID of version 5 (RFC 9562) written as PS3.5, B.2, demands.
    """
    return _uid("instance", *_subject(source, model), kind)


def series_uid(source: SourceImage, model: ModelDescription, kind: str) -> str:
    """The series of a result: one for each series of images, model and kind."""
    return _uid("series", str(source.attributes.SeriesInstanceUID), model.name, model.version, kind)


def tracking_uid(source: SourceImage, model: ModelDescription, number: int) -> str:
    """What follows finding ``number`` of an image through all its results; 0 is the image."""
    return _uid("tracking", *_subject(source, model), str(number))


def device_uid(model: ModelDescription) -> str:
    """The model as an observer."""
    return _uid("device", model.name, model.version)


def tracking_identifier(model: ModelDescription, number: int) -> str:
    """A name for :func:`tracking_uid` that people can read."""
    return plain(f"{model.name} {model.version} " + (f"finding {number}" if number else "image"))


def _subject(source: SourceImage, model: ModelDescription) -> tuple[str, ...]:
    frame = str(source.frame or "")
    return str(source.attributes.SOPInstanceUID), frame, model.name, model.version


def _uid(*parts: str) -> str:
    return f"2.25.{uuid.uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def plain(text: str, most: int = _LONG_STRING) -> str:
    """Text that fits any character set and the value representation LO."""
    ascii_only = text.encode("ascii", "replace").decode().replace("\\", "/")
    return "".join(letter if letter.isprintable() else " " for letter in ascii_only)[:most].strip()


def place_in_series(image: ReadImage, kind: str, number: int) -> dict[str, Any]:
    """Arguments that each highdicom object takes: series, instance and equipment.

    Args:
        image: what was read.
        kind: enters the identifiers.
        number: of the series.
    """
    source, model = image.source, image.model
    return {
        "series_instance_uid": series_uid(source, model, kind),
        "series_number": number,
        "sop_instance_uid": instance_uid(source, model, kind),
        "instance_number": source.frame or _instance_number(source),
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": plain(model.name),
        "software_versions": [plain(model.version), f"fractura {__version__}"],
        "device_serial_number": plain(f"{model.name} {model.version}"),
        "series_description": _series_description(model, kind),
    }


def _series_description(model: ModelDescription, kind: str) -> str:
    ending = f" {kind}, {NOTICE}"
    return plain(f"{model.name} {model.version}", _LONG_STRING - len(ending)) + ending


def _instance_number(source: SourceImage) -> int:
    try:
        return max(1, int(source.attributes.InstanceNumber))
    except (AttributeError, TypeError, ValueError):
        return 1


def finish(dataset: Dataset, image: ReadImage) -> Dataset:
    """Give a highdicom object the patient and the study of its source, and its own date."""
    source = image.source.attributes
    for keyword in COPIED:
        if keyword in source:
            dataset.add(source[keyword])
    for keyword in _REQUIRED:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    if dataset.Modality != "SR":
        _add_side(dataset, source)
    made = image.made.astimezone(_zone(source)).replace(tzinfo=None)
    date, time = DA(made.date()), TM(made.time())
    for name in ("InstanceCreation", "Content", "PresentationCreation"):
        if f"{name}Date" in dataset:
            setattr(dataset, f"{name}Date", date)
            setattr(dataset, f"{name}Time", time)
    if "DateOfSecondaryCapture" in dataset:
        dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = date, time
    for equipment in dataset.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = DT(made)
    return dataset


def _add_side(dataset: Dataset, source: Dataset) -> None:
    """Body part and side as the source gives them (PS3.3 C.7.3.1).

    The side is of type 2C: empty where it is not known, absent where there are no two.
    """
    for keyword in ("BodyPartExamined", "Laterality"):
        if keyword in source:
            dataset.add(source[keyword])
    side = str(source.get("ImageLaterality") or "")
    if side in ("L", "R"):
        dataset.Laterality = side
    elif side == "U" or source.get("BodyPartExamined") in _UNPAIRED:
        dataset.pop("Laterality", None)
    elif "Laterality" not in dataset:
        dataset.Laterality = None


def _zone(source: Dataset) -> timezone | None:
    """The zone of all times in the source (PS3.3 C.12.1); ``None``, the local one, if not given."""
    text = str(source.get("TimezoneOffsetFromUTC") or "").strip()
    if not re.fullmatch(r"[+-]\d{4}", text):
        return None
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:]))
    if offset >= timedelta(hours=24):
        return None
    return timezone(-offset if text[0] == "-" else offset)


def to_bytes(dataset: Dataset) -> bytes:
    """The object as a file (PS3.10), Explicit VR Little Endian."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
