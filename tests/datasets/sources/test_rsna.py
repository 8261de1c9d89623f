"""RSNA's layout: boxes of several lines are one image's, and DICOM files go by their names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from fractura.datasets.record import Annotation
from fractura.datasets.sources.rsna import PNEUMONIA, SOURCE
from fractura.datasets.sources.source import Options, SourceError
from fractura.findings import Box
from tests.datasets.sources.trees import read

TABLE = "stage_2_train_labels.csv"
HEAD = "patientId,x,y,width,height,Target"
ROWS = ("a-1,10.0,20.0,30.0,40.5,1", "b-2,,,,,0", "a-1,50.0,20.0,5.0,5.0,1")


@pytest.fixture
def rsna(tmp_path: Path) -> Path:
    (tmp_path / TABLE).write_text("\n".join([HEAD, *ROWS]))
    (tmp_path / "stage_2_sample_submission.csv").write_text("patientId,PredictionString\nz,\n")
    for name in ("a-1", "b-2"):
        copy_dicom(tmp_path / "stage_2_train_images" / f"{name}.dcm")
    return tmp_path


def copy_dicom(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(get_testdata_file("CT_small.dcm")), path)


def test_boxes_of_several_lines_are_merged(rsna: Path) -> None:
    records, dropped = read(SOURCE, rsna)
    assert dropped == {}
    assert list(records) == ["a-1", "b-2"]
    assert [record.label for record in records.values()] == ["fracture", "no fracture"]
    assert records["a-1"].annotations == (
        Annotation("fracture", Box(10, 20, 40, 60.5)),
        Annotation("fracture", Box(50, 20, 55, 25)),
    )
    assert records["b-2"].annotations == ()
    assert (records["a-1"].patient, records["a-1"].study) == ("a-1", None)


def test_studies_are_folders_of_one_image(rsna: Path) -> None:
    lines = [HEAD.replace("patientId", "StudyInstanceUID").replace("Target", "label")]
    lines += ["1.2.3,1,2,3,4,1", "1.2.4,,,,,0"]
    (rsna / TABLE).write_text("\n".join(lines).replace(",", ";"))
    copy_dicom(rsna / "images" / "1.2.3" / "first.dcm")
    copy_dicom(rsna / "images" / "1.2.4" / "first.dcm")
    copy_dicom(rsna / "images" / "1.2.4" / "second.dcm")
    records, dropped = read(SOURCE, rsna)
    assert {name: (record.study, record.patient) for name, record in records.items()} == {
        "1.2.3": ("1.2.3", None)
    }
    assert dropped == {
        "ids that several images have": ["1.2.4"],
        f"files that {TABLE} does not list": [
            *("stage_2_train_images/a-1.dcm", "stage_2_train_images/b-2.dcm")
        ],
    }


def test_contradictions_become_notes_and_the_rest_is_counted(rsna: Path) -> None:
    rows = [*ROWS, "a-1,,,,,0", "b-2,1,2,3,4,0", "a-1,1,2,x,4,1", "c-3,,,,,0", "a-1,,,,,7", "a-1"]
    (rsna / TABLE).write_text("\r\n".join([HEAD, *rows]))
    copy_dicom(rsna / "stage_2_test_images" / "d-4.dcm")
    records, dropped = read(SOURCE, rsna)
    assert [one.label for one in records.values()] == ["unknown", "unknown"]
    assert [one.fractures for one in records.values()] == [(), ()]
    assert records["a-1"].notes == (
        "line 7: its box is not understood and left out",
        "the table's lines disagree: fracture and no fracture",
    )
    assert records["b-2"].notes == ("line 6: a box although its target is 0; left out",)
    assert dropped == {
        "lines without an image or a known label": [f"{rsna / TABLE}, line 9"],
        "lines with another number of cells than the head": [f"{rsna / TABLE}, line 10"],
        "files are missing": ["c-3"],
        f"files that {TABLE} does not list": ["stage_2_test_images/d-4.dcm"],
    }


def test_lung_opacities_are_never_fractures(rsna: Path) -> None:
    (rsna / PNEUMONIA).write_text("patientId,class\na-1,Lung Opacity\n")
    with pytest.raises(SourceError, match="lung opacities, not fractures"):
        read(SOURCE, rsna)
    told = Options("rsna", labels={"1": "abnormal", "0": "unknown"})
    items = list(SOURCE.read(rsna, told))
    assert [getattr(item, "label", None) for item in items] == ["abnormal", "unknown"]
    assert [getattr(item, "fractures", None) for item in items] == [(), ()]


def test_says_what_is_missing(rsna: Path) -> None:
    (rsna / TABLE).write_text(HEAD.replace("width", "w"))
    with pytest.raises(SourceError, match=r"the table of boxes is missing.*patientId,x,y,width"):
        read(SOURCE, rsna)
    shutil.rmtree(rsna / "stage_2_train_images")
    with pytest.raises(SourceError, match="every image is missing"):
        read(SOURCE, rsna)
