"""``fractura data deidentify`` as a person runs it."""

from __future__ import annotations

import csv

from pydicom import dcmread
from typer.testing import CliRunner

from fractura.cli import app
from tests.dicom.test_deidentify import SECRET, radiograph


def test_a_folder_with_good_and_bad_files(fractura, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    radiograph(folder / f"{SECRET}.dcm")
    radiograph(folder / "twin.dcm", PixelData=bytes(80 * 64 * 2))
    radiograph(folder / "look.dcm", SOPInstanceUID="1.2.77", ConversionType="WSD")
    (folder / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    result = fractura("data", "deidentify", "export", "--out", "shared")
    assert result.exit_code == 1
    assert "broken.dcm" in result.stdout
    assert "twin.dcm: another file has its SOP Instance UID" in result.stdout
    assert "look at the picture: export/look.dcm: it is a secondary capture" in result.stdout
    assert "2 images de-identified as 2 files in shared, 1 of them to be looked at" in result.stdout
    written = sorted((tmp_path / "shared").rglob("*.dcm"))
    assert len(written) == 2
    for path in (tmp_path / "shared").rglob("*"):
        assert SECRET not in str(path)
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()
    with (tmp_path / "shared" / "deidentified.csv").open() as file:
        rows = {row["file"]: row["look_at_the_picture_because"] for row in csv.DictReader(file)}
    assert sorted(tmp_path / "shared" / name for name in rows) == written
    assert sorted(map(bool, rows.values())) == [False, True]
    assert not list((tmp_path / "shared").rglob("*.key"))

    before = {path: path.read_bytes() for path in written}
    (folder / "broken.dcm").unlink()
    (folder / "twin.dcm").unlink()
    assert fractura("data", "deidentify", "export", "--out", "shared").exit_code == 0
    assert {path: path.read_bytes() for path in written} == before
    assert {str(dcmread(path).PatientID) for path in written} == {written[0].parents[1].name}


def test_wrong_usage(fractura, tmp_path):
    radiograph(tmp_path / "a.dcm")
    inside = fractura("data", "deidentify", "a.dcm", "--out", ".")
    assert inside.exit_code == 2
    assert "holds files to read" in inside.stderr
    shared = fractura("data", "deidentify", "a.dcm", "--out", "o", "--key", "o/key")
    assert shared.exit_code == 2
    assert "put it elsewhere" in shared.stderr
    assert fractura("data", "deidentify", "nothing", "--out", "o").exit_code == 2


def test_a_file_without_a_study_does_not_stop_the_others(fractura, tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    radiograph(folder / "a.dcm", StudyInstanceUID="")
    radiograph(folder / "b.dcm")
    result = fractura("data", "deidentify", "export", "--out", "shared")
    assert result.exit_code == 1
    assert "left out: export/a.dcm: it has no StudyInstanceUID; give it one" in result.stdout
    assert len(list((tmp_path / "shared").rglob("*.dcm"))) == 1


def test_the_folder_one_stands_in(fractura, tmp_path, monkeypatch):
    radiograph(tmp_path / "a.dcm")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    result = CliRunner().invoke(app, ["data", "deidentify", "../a.dcm", "--out", "."])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "here.key").is_file()
    assert len(list((tmp_path / "here").rglob("*.dcm"))) == 1
