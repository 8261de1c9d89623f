"""What DICOM headers say becomes the record; what is no single picture is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from fractura.datasets.sources.dicom_tree import SOURCE
from fractura.datasets.sources.source import Options, SourceError
from tests.datasets.sources.trees import draw, read
from tests.dicom.test_deidentify import radiograph

CLEAN = {"IssuerOfPatientID": "", "PatientID": "p7", "StudyInstanceUID": "1.2.3"}


@pytest.mark.parametrize(
    ("said", "age"),
    [
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "000Y", "PatientBirthDate": ""}, None),
        ({"PatientAge": "063Y"}, 62.97),
        ({"PatientAge": "063Y", "PatientBirthDate": ""}, 63),
        ({"PatientAge": "034Y"}, None),
        ({"PatientAge": ""}, 62.97),
    ],
)
def test_ages_that_contradict_stay_empty(tmp_path: Path, said: dict[str, str], age: float) -> None:
    radiograph(tmp_path / "a.dcm", **CLEAN, **said)
    records, _ = read(SOURCE, tmp_path)
    (record,) = records.values()
    assert record.age == age
    assert bool(record.notes) == (age is None)


def test_what_has_several_values_stays_empty(tmp_path: Path) -> None:
    radiograph(
        tmp_path / "a.dcm",
        **CLEAN, BodyPartExamined="HAND\\WRIST", ViewPosition="AP\\LL", PatientSex="F\\M",
        ImageLaterality="L", Laterality="R",
    )  # fmt: skip
    records, _ = read(SOURCE, tmp_path)
    (record,) = records.values()
    assert (record.regions, record.views, record.sex, record.laterality) == ((), (), None, None)
    assert [note.split()[0] for note in record.notes] == ["ImageLaterality", "BodyPartExamined"]


def test_headers_become_records(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    radiograph(
        tmp_path / "a" / "b" / "ünï code",
        **CLEAN, ViewPosition="PA", ImageLaterality="L", PatientAge="018M", PatientBirthDate="",
    )  # fmt: skip
    radiograph(
        tmp_path / "a" / "2.dcm",
        **{**CLEAN, "IssuerOfPatientID": "clinic"},
        SOPInstanceUID="1.9", ViewPosition="", PatientSex="", PatientAge="old", Modality="CR",
        BodyPartExamined="",
    )  # fmt: skip
    records, dropped = read(SOURCE, tmp_path)
    assert not dropped
    first, second = records["1.2.3.4"], records["1.9"]
    assert (first.patient, first.study, first.label) == ("p7", "1.2.3", "unknown")
    assert (first.regions, first.views, first.laterality) == (("wrist",), ("frontal",), "left")
    assert (first.age, first.sex, first.modality) == (1.5, "female", "DX")
    assert first.fractured is None
    assert second.patient == "clinic/p7"
    assert (second.regions, second.views, second.age, second.sex) == ((), (), 62.97, None)
    assert second.modality == "CR"


def test_everything_else_is_dropped_with_its_reason(tmp_path: Path) -> None:
    radiograph(tmp_path / "1.dcm", **CLEAN)
    radiograph(tmp_path / "2 twin.dcm", **CLEAN)
    radiograph(tmp_path / "3.dcm", **CLEAN, SOPInstanceUID="1.8", NumberOfFrames="3")
    report = dcmread(tmp_path / "1.dcm")
    del report.PixelData, report.Rows, report.Columns
    report.save_as(tmp_path / "4.dcm")
    (tmp_path / "5.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 99)
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "notes.txt").write_text("notes")
    draw(tmp_path / "6.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    records, dropped = read(SOURCE, tmp_path)
    assert list(records) == ["1.2.3.4"]
    assert dropped == {
        "files that are not DICOM": ["6.png", "notes.txt"],
        "damaged DICOM files": ["5.dcm", "DICOMDIR"],
        "DICOM objects without an image": ["4.dcm"],
        "DICOM objects whose UID occurred before": ["2 twin.dcm"],
        "DICOM objects with several frames": ["3.dcm"],
    }
    with pytest.raises(SourceError, match="nowhere"):
        list(SOURCE.read(tmp_path / "nowhere", Options("dicom")))


def test_real_files(shared_data: Path) -> None:
    records, dropped = read(SOURCE, shared_data / "dicom")
    assert len(records) == 10
    assert list(dropped) == ["DICOM objects whose UID occurred before"]
    assert {record.modality for record in records.values()} == {"CR", "DX"}
