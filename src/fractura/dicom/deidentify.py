"""De-identify DICOM images: PS3.15, Annex E, Basic Application Level Confidentiality Profile.

Headers only. Text that is part of the picture is looked for and reported, never removed.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from fractura.dicom.burned_in import reasons_to_look
from fractura.dicom.profile import action_of
from fractura.dicom.pseudonyms import mapped_uid, pseudonym
from fractura.errors import DamagedFileError, LoadError, UnsupportedFileError

_DUMMIES: dict[str, Any] = {
    **dict.fromkeys(("AE", "CS", "LO", "LT", "SH", "ST", "UC", "UT"), "REMOVED"),
    "PN": "REMOVED",
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "UR": "http://removed.invalid",
    **dict.fromkeys(("DS", "IS"), "0"),
    **dict.fromkeys(("FD", "FL", "SS", "US", "SL", "UL", "SV", "UV"), 0),
    **dict.fromkeys(("OB", "OW", "OD", "OF", "OL", "OV"), b"\0\0"),
}


@dataclass(frozen=True)
class Deidentified:
    """One object without its patient.

    Attributes:
        data: the new file's bytes (PS3.10).
        patient, study, instance: its pseudonym and mapped UIDs; they name its place on disk.
        look: why a person should look at the picture before it is passed on; empty if nothing
            speaks for text in it.
    """

    data: bytes
    patient: str
    study: str
    instance: str
    look: tuple[str, ...]


def deidentify(path: Path, key: bytes) -> Deidentified:
    """Rewrite one DICOM image's header; its pixel data stay as they are.

    Every attribute of Table E.1-1, at any depth, is removed, emptied, given a dummy value or, if
    it is a UID of an instance, mapped. Private attributes, those of unknown value representation
    and the preamble go. The patient's name and identifier become one pseudonym, so that a
    patient's studies stay together. ``PatientIdentityRemoved`` says ``YES`` only where nothing
    speaks for text in the picture.

    Args:
        path: a DICOM file.
        key: the secret from which pseudonyms and UIDs follow; see :mod:`.pseudonyms`.

    Raises:
        UnsupportedFileError: it is no DICOM, or holds no image (reports, documents, DICOMDIR).
        DamagedFileError: it does not say which study or which instance it is.
        LoadError: it cannot be opened or its header cannot be read.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            dataset = dcmread(path)
    except InvalidDicomError as error:
        raise UnsupportedFileError(
            f"{path}: it is not a DICOM file, which has DICM after its first 128 bytes"
        ) from error
    except OSError as error:
        raise LoadError(f"{path}: cannot be opened ({error.strerror})") from error
    except Exception as error:
        raise LoadError(f"{path}: its header cannot be read ({error})") from error
    if "PixelData" not in dataset:
        raise UnsupportedFileError(
            f"{path}: it holds no picture; reports and documents are not de-identified"
        )
    for name in ("StudyInstanceUID", "SOPInstanceUID"):
        if not dataset.get(name):
            raise DamagedFileError(f"{path}: it has no {name}; give it one, or leave the file out")
    try:
        look = reasons_to_look(path, dataset)
        patient = pseudonym(key, *_patient(dataset))
        _clean(dataset, key)
        _say_what_was_done(dataset, patient, bool(look))
        data = _encode(dataset, key)
    except Exception as error:
        raise LoadError(f"{path}: it cannot be de-identified ({error}); leave it out") from error
    return Deidentified(
        data, patient, str(dataset.StudyInstanceUID), str(dataset.SOPInstanceUID), look
    )


def _patient(dataset: Dataset) -> tuple[str, ...]:
    """What tells a patient from others: the identifier; where there is none, name and birth date;
    where there is no name either, the study."""
    issuer, identifier, name, birth, study = (
        str(dataset.get(keyword) or "")
        for keyword in (
            *("IssuerOfPatientID", "PatientID", "PatientName", "PatientBirthDate"),
            "StudyInstanceUID",
        )
    )
    if identifier:
        return issuer, identifier
    return ("", "", name, birth) if name else ("", "", study)


def _clean(dataset: Dataset, key: bytes) -> None:
    for element in list(_elements(dataset)):
        action = action_of()(int(element.tag))
        if action == "remove" or element.VR == "UN":
            del dataset[element.tag]
        elif element.VR == "UI" and action == "map":
            element.value = _map_uids(element.value, key)
        elif action == "empty":
            element.value = Sequence() if element.VR == "SQ" else None
        elif action == "replace" and element.VR != "SQ":
            element.value = _dummy(element, key)
        elif element.VR == "SQ":
            for item in element.value:
                _clean(item, key)


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    return (dataset[tag] for tag in list(dataset.keys()))


def _map_uids(value: Any, key: bytes) -> Any:
    if not value:
        return value
    if isinstance(value, str):
        return mapped_uid(key, value)
    return [mapped_uid(key, uid) for uid in value]


def _dummy(element: DataElement, key: bytes) -> Any:
    return _map_uids(element.value, key) if element.VR == "UI" else _DUMMIES[element.VR]


def _say_what_was_done(dataset: Dataset, patient: str, look: bool) -> None:
    """PS3.15, E.1.1; the code is from CID 7050."""
    dataset.PatientName = patient
    dataset.PatientID = patient
    dataset.PatientIdentityRemoved = "NO" if look else "YES"
    dataset.DeidentificationMethod = "fractura, PS3.15 2026c Basic Profile"
    code = Dataset()
    code.CodeValue = "113100"
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = Sequence([code])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _encode(dataset: Dataset, key: bytes) -> bytes:
    dataset.preamble = b"\0" * 128
    meta = dataset.file_meta
    for element in list(meta):
        if element.tag not in (Tag(0x0002, 0x0002), Tag(0x0002, 0x0010)):
            del meta[element.tag]
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
