"""DICOM results of a stored reading."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache

import highdicom
import pydicom
import pytest

from fractura.dicom.results.common import instance_uid, to_bytes
from fractura.dicom.results.make import MAKERS
from fractura.errors import ModelError, UnsupportedFileError
from fractura.findings import Reading
from fractura.reading.reader import Reader
from fractura.service.render.dicom import dicom_result
from fractura.service.settings import ResultKind
from tests.dicom.results.material import MADE, radiograph, read_image


@cache
def reader() -> Reader:
    return Reader("fractura-s", threads=1)


def stored(reading: Reading) -> Reading:
    """As the database gives it back."""
    return Reading.from_dict(json.loads(json.dumps({**reading.as_dict(), "path": None})))


@pytest.mark.parametrize("kind", ["sr", "gsps", "sc"])
def test_it_is_what_the_command_makes_of_this_reading(kind: ResultKind) -> None:
    data = radiograph()
    image = read_image(data)
    reading = stored(image.reading)
    made = dicom_result(data, None, reader(), reading, MADE, kind)
    assert made == dicom_result(data, None, reader(), reading, MADE, kind)
    assert made == to_bytes(MAKERS[kind.upper()](replace(image, reading=reading)))
    dataset = pydicom.dcmread(io.BytesIO(made))
    assert instance_uid(image.source, image.model, kind.upper()) == dataset.SOPInstanceUID
    assert dataset.StudyInstanceUID == "1.2.3"
    assert dataset.PatientID == "P1"


def test_the_report_read_back_holds_the_stored_numbers() -> None:
    data = radiograph(Rows=120, NumberOfFrames=2)
    reading = stored(read_image(data, frame=2).reading)
    made = dicom_result(data, 2, reader(), reading, MADE, "sr")
    report = highdicom.sr.srread(io.BytesIO(made)).content
    (group, *_) = report.get_planar_roi_measurement_groups()
    (score,) = group.get_measurements()
    assert score.value == reading.findings[0].score
    source = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
    assert (source.ReferencedSOPInstanceUID, source.ReferencedFrameNumber) == ("1.2.3.4", 2)


def test_another_models_reading_and_other_files_are_refused() -> None:
    data = radiograph()
    reading = stored(read_image(data).reading)
    with pytest.raises(ModelError, match="made by fractura-m 2, not by fractura-s 5"):
        dicom_result(data, None, reader(), replace(reading, model="fractura-m 2"), MADE, "sr")
    with pytest.raises(UnsupportedFileError, match="the image: it is not a DICOM file"):
        dicom_result(b"\x89PNG\r\n\x1a\n" * 40, None, reader(), reading, MADE, "sr")
