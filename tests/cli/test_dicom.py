"""``fractura dicom`` as a person runs it."""

from __future__ import annotations

import pytest
from pydicom import dcmread, uid

from fractura.imaging.save import save_png, to_16_bit
from fractura.reading.reader import Reader
from tests.dicom.results.material import phantom, radiograph

hd = pytest.importorskip("highdicom")


def test_a_folder_with_good_and_bad_files(fractura, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(radiograph(PhotometricInterpretation="MONOCHROME1"))
    (folder / "b.dcm").write_bytes(radiograph(SOPInstanceUID="1.2.3.9", PatientID=None))
    (folder / "ct.dcm").write_bytes(radiograph(SOPClassUID=uid.CTImageStorage))
    save_png(folder / "photo.png", to_16_bit(phantom() / 4095))
    (folder / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 50)
    result = fractura("dicom", "results", "study", "--out", "made")
    assert result.exit_code == 1
    assert "6 objects written to made, 0 were there already, 3 files left out." in result.stdout
    assert "ct.dcm: it is a DICOM CT Image Storage object of modality CR" in result.stdout
    assert "photo.png: it is not a DICOM file" in result.stdout
    files = sorted((tmp_path / "made").iterdir())
    assert [path.name.split("_")[0] for path in files] == [*["GSPS"] * 2, *["SC"] * 2, *["SR"] * 2]
    for path in files:
        made = dcmread(path)
        assert made.StudyInstanceUID == "1.2.3"
        assert path.stem.endswith(f"_{made.SOPInstanceUID}")

    before = {path: path.read_bytes() for path in files}
    files[0].unlink()
    for name in ("ct.dcm", "photo.png", "broken.dcm"):
        (folder / name).unlink()
    again = fractura("dicom", "results", "study", "--out", "made")
    assert again.exit_code == 0
    assert "1 objects written to made, 5 were there already, 0 files left out." in again.stdout
    assert sorted((tmp_path / "made").iterdir()) == files
    assert all(path.read_bytes() == before[path] for path in files[1:])


def test_the_report_says_what_detect_says(fractura, tmp_path):
    (tmp_path / "a.dcm").write_bytes(radiograph())
    assert fractura("dicom", "sr", "a.dcm", "--out", "made").exit_code == 0
    (path,) = (tmp_path / "made").iterdir()
    reading = Reader(threads=1).read_file(tmp_path / "a.dcm")
    content = hd.sr.srread(path).content
    (whole,) = content.get_image_measurement_groups()
    assert whole.get_measurements()[0].value == pytest.approx(reading.probability, abs=1e-6)
    groups = content.get_planar_roi_measurement_groups()
    assert len(groups) == len(reading.findings)


def test_one_kind_and_one_frame(fractura, tmp_path):
    frames = radiograph(
        NumberOfFrames=2,
        PixelData=phantom().tobytes() * 2,
        SOPClassUID=uid.XRayRadiofluoroscopicImageStorage,
    )
    (tmp_path / "a.dcm").write_bytes(frames)
    missing = fractura("dicom", "gsps", "a.dcm", "--out", "made")
    assert missing.exit_code == 1
    assert "a.dcm: it holds 2 frames; choose one with --frame N" in missing.stdout
    for kind in ("gsps", "sc"):
        assert fractura("dicom", kind, "a.dcm", "--out", "made", "--frame", 2).exit_code == 0
    names = sorted(path.name.split("_")[0] for path in (tmp_path / "made").iterdir())
    assert names == ["GSPS", "SC"]


def test_two_images_with_one_identifier(fractura, tmp_path):
    (tmp_path / "a.dcm").write_bytes(radiograph())
    (tmp_path / "b.dcm").write_bytes(radiograph(PixelData=bytes(200 * 240 * 2)))
    result = fractura("dicom", "sr", "a.dcm", "b.dcm", "--out", "made")
    assert result.exit_code == 1
    assert "another file has its SOP Instance UID and other content" in result.stdout
    assert len(list((tmp_path / "made").iterdir())) == 1


def test_wrong_usage(fractura, tmp_path):
    (tmp_path / "a.dcm").write_bytes(radiograph())
    inside = fractura("dicom", "sr", "a.dcm", "--out", ".")
    assert inside.exit_code == 2
    assert "holds files to read" in inside.stderr
    assert fractura("dicom", "sr", "nothing.dcm", "--out", "made").exit_code == 2
    assert fractura("dicom", "sr", "a.dcm", "--out", "made", "--model", "none").exit_code == 2
    assert not (tmp_path / "made").exists()
