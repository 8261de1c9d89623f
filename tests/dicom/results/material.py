"""DICOM radiographs of phantoms and made-up readings of them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, uid
from pydicom.dataset import FileMetaDataset

from fractura.dicom.results.common import ReadImage
from fractura.dicom.results.source import read_source
from fractura.findings import Box, Finding, Reading
from fractura.imaging.load import load_bytes
from fractura.imaging.phantom import make_phantom
from fractura.reading.model import Model, ModelDescription

MADE = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
FINDINGS = (
    Finding("fracture", 0.8123456789012345, Box(20.25, 40.5, 60.75, 90.125)),
    Finding("fracture", 0.1, Box(0.0, 0.0, 200.0, 240.0)),
)


@cache
def description() -> ModelDescription:
    return Model("fractura-s").description


@cache
def phantom() -> NDArray[np.uint16]:
    pixels = make_phantom(3, width=200, height=240).radiograph.pixels
    return np.rint(pixels * 4095).astype("<u2")


def radiograph(
    *, character_set: str | list[str] | None = None, syntax: str | None = None, **changes: Any
) -> bytes:
    """A computed radiograph of 200 x 240 pixels, 12 bit; a change to None removes an attribute."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = character_set
    if character_set is None:
        del dataset.SpecificCharacterSet
    dataset.SOPClassUID = uid.ComputedRadiographyImageStorage
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.5"
    dataset.Modality = "CR"
    dataset.BodyPartExamined = "HAND"
    dataset.Laterality = "L"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = "P1"
    dataset.PatientBirthDate = "19610312"
    dataset.PatientSex = "F"
    dataset.StudyDate = "20240229"
    dataset.StudyTime = "081523"
    dataset.StudyID = "S1"
    dataset.AccessionNumber = "A1"
    dataset.ReferringPhysicianName = "House^Gregory"
    dataset.InstanceNumber = 7
    dataset.PatientOrientation = ["L", "F"]
    dataset.Rows, dataset.Columns = 240, 200
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = phantom().tobytes()
    dataset["PixelData"].VR = "OW"
    for keyword, value in changes.items():
        if value is None:
            del dataset[keyword]
        else:
            setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid.UID(syntax or uid.ExplicitVRLittleEndian)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def read_image(data: bytes, frame: int | None = None, **changes: Any) -> ReadImage:
    """The radiograph with a made-up reading, in which ``changes`` replace fields."""
    pixels = load_bytes(data, name="made.dcm", frame=frame)
    fields: dict[str, Any] = {
        "path": "made.dcm",
        "sha256": pixels.sha256,
        "model": "fractura-s 5",
        "width": pixels.width,
        "height": pixels.height,
        "probability": 0.123456789012345678,
        "decision": "fracture",
        "findings": FINDINGS,
        "region": "lower limb",
        "region_probability": 0.9,
    }
    reading = Reading(**{**fields, **changes})
    source = read_source(data, name="made.dcm", frame=frame)
    return ReadImage(source, pixels, reading, description(), MADE)
