"""No word that tells of the patient survives, at any depth; pictures and links between files do."""

from __future__ import annotations

import errno
import io
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from fractura.dicom.burned_in import text_lines
from fractura.dicom.deidentify import deidentify
from fractura.dicom.profile import TABLE, action_of
from fractura.dicom.pseudonyms import mapped_uid, read_or_make_key
from fractura.errors import DamagedFileError, FracturaError, UnsupportedFileError
from fractura.imaging.load import load
from fractura.imaging.phantom import make_phantom

KEY = bytes(range(32))
TEXT = {"AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}
SECRET = "ZZWHOAMI"


def radiograph(path: Path, **changes: object) -> Dataset:
    """A digital radiograph whose every text attribute of Table E.1-1 holds :data:`SECRET`."""
    dataset = Dataset()
    _fill(dataset)
    nested = Dataset()
    _fill(nested)
    nested.ReferencedSOPInstanceUID = "1.2.3.4"
    dataset.ViewCodeSequence = Sequence([nested])
    source = Dataset()
    source.ReferencedSOPInstanceUID = "1.2.3.4"
    dataset.SourceImageSequence = Sequence([source])
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.5"
    dataset.PatientID = f"{SECRET}-1"
    dataset.PatientBirthDate = "19610312"
    dataset.StudyDate = "20240229"
    dataset.StudyTime = "081523"
    dataset.PatientSex = "F"
    dataset.PatientAge = "062Y"
    dataset.Modality = "DX"
    dataset.BodyPartExamined = "WRIST"
    dataset.private_block(0x0011, SECRET, create=True).add_new(1, "LO", SECRET)
    dataset.add_new(0x60003000, "OW", SECRET.encode())
    dataset.add_new(0x60004000, "LT", SECRET)
    dataset.Rows, dataset.Columns = 80, 64
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.BurnedInAnnotation = "NO"
    pixels = make_phantom(3, width=64, height=80).radiograph.pixels
    dataset.PixelData = np.rint(pixels * 4095).astype("<u2").tobytes()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = SECRET
    for name, value in changes.items():
        setattr(dataset, name, value)
    dataset.preamble = SECRET.encode().ljust(128, b"\0")
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def _fill(dataset: Dataset) -> None:
    from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector

    for tag in dicom_anonymization_database_selector(TABLE)["ALL_TAGS"]:
        if len(tag) == 2 and tag[0] not in (0x0002, 0xFFFA) and dictionary_has_tag(Tag(tag)):
            representation = dictionary_VR(tag)
            if representation in TEXT:
                dataset.add_new(tag, representation, SECRET)


def test_nothing_of_the_patient_is_left(tmp_path: Path) -> None:
    before = radiograph(tmp_path / "a.dcm")
    assert (tmp_path / "a.dcm").read_bytes().count(SECRET.encode()) > 300
    result = deidentify(tmp_path / "a.dcm", KEY)
    for word in (SECRET, "19610312", "20240229", "081523", "062Y"):
        assert word.encode() not in result.data
    after = dcmread(io.BytesIO(result.data))
    assert after.PixelData == before.PixelData
    assert after.PatientID == str(after.PatientName) == result.patient != ""
    assert (after.StudyInstanceUID, after.SOPInstanceUID) == (result.study, result.instance)
    assert after.SOPInstanceUID == mapped_uid(KEY, "1.2.3.4")
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert after.ViewCodeSequence[0].ReferencedSOPInstanceUID == after.SOPInstanceUID
    assert after.SourceImageSequence[0].ReferencedSOPInstanceUID == after.SOPInstanceUID
    assert (after.Modality, after.BodyPartExamined) == ("DX", "WRIST")
    assert after.PatientIdentityRemoved == "YES"
    assert after.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    (tmp_path / "b.dcm").write_bytes(result.data)
    np.testing.assert_array_equal(load(tmp_path / "a.dcm").pixels, load(tmp_path / "b.dcm").pixels)


def test_a_patients_studies_stay_together_and_keys_keep_them_apart(tmp_path: Path) -> None:
    radiograph(tmp_path / "a.dcm")
    radiograph(tmp_path / "b.dcm", SOPInstanceUID="1.2.9", StudyInstanceUID="1.2.8")
    radiograph(tmp_path / "c.dcm", SOPInstanceUID="1.2.7", PatientID="another")
    one, two, three = (deidentify(tmp_path / f"{name}.dcm", KEY) for name in "abc")
    assert one.patient == two.patient != three.patient
    assert one.study == three.study != two.study
    assert len({one.instance, two.instance, three.instance}) == 3
    assert deidentify(tmp_path / "a.dcm", KEY) == one
    other = deidentify(tmp_path / "a.dcm", bytes(32))
    assert not {other.patient, other.study, other.instance} & {one.patient, one.study, one.instance}


def test_patients_without_an_identifier_are_not_one(tmp_path: Path) -> None:
    people = [
        {"PatientID": "", "PatientName": "A^B", "PatientBirthDate": "19610312"},
        {"PatientID": "", "PatientName": "A^B", "PatientBirthDate": "20010101"},
        {"PatientID": "", "PatientName": "C^D", "PatientBirthDate": "19610312"},
        {"PatientID": "", "PatientName": "", "StudyInstanceUID": "1.2.80"},
        {"PatientID": "", "PatientName": "", "StudyInstanceUID": "1.2.81"},
    ]
    found = []
    for number in (1, 2):
        for changes in people:
            radiograph(tmp_path / "a.dcm", SOPInstanceUID=f"1.2.9.{number}", **changes)
            found.append(deidentify(tmp_path / "a.dcm", KEY).patient)
    assert len(set(found)) == len(people)
    assert found[: len(people)] == found[len(people) :]


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SOPInstanceUID"])
def test_what_has_no_place_is_refused(tmp_path: Path, name: str) -> None:
    radiograph(tmp_path / "a.dcm")
    dataset = dcmread(tmp_path / "a.dcm")
    delattr(dataset, name)
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(DamagedFileError, match=rf"a\.dcm: it has no {name}; give it one"):
        deidentify(tmp_path / "a.dcm", KEY)


def test_overlays_go_whole_and_embedded_ones_are_looked_at(tmp_path: Path) -> None:
    radiograph(tmp_path / "a.dcm")
    dataset = dcmread(tmp_path / "a.dcm")
    dataset.add_new(0x60000022, "LO", SECRET)
    dataset.add_new(0x60020102, "US", 12)
    dataset.save_as(tmp_path / "a.dcm")
    result = deidentify(tmp_path / "a.dcm", KEY)
    assert SECRET.encode() not in result.data
    assert not [tag for tag in dcmread(io.BytesIO(result.data)) if tag.tag.group >> 8 == 0x60]
    assert result.look == ("an overlay lies in unused bits of its pixels",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"BurnedInAnnotation": "YES"}, "its header says"),
        ({"ConversionType": "DF"}, "secondary capture"),
        ({"Modality": "OT"}, "secondary capture"),
    ],
)
def test_pictures_that_may_hold_text_are_not_called_clean(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    radiograph(tmp_path / "a.dcm", **changes)
    result = deidentify(tmp_path / "a.dcm", KEY)
    assert reason in result.look[0]
    assert dcmread(io.BytesIO(result.data)).PatientIdentityRemoved == "NO"


@pytest.mark.parametrize("ink", [255, 0])
def test_a_name_in_the_picture_is_seen_and_a_side_marker_is_not(ink: int) -> None:
    phantom = make_phantom(5, width=600, height=700).radiograph.pixels
    image = np.rint(phantom * 255).astype(np.uint8)
    image[:60] = 255 - ink
    assert text_lines(image / np.float32(255)) == 0
    cv2.putText(image, "R", (20, 45), cv2.FONT_HERSHEY_SIMPLEX, 0.8, ink, 2)
    assert text_lines(image / np.float32(255)) == 0
    cv2.putText(image, "MUSTERMANN ERIKA", (80, 45), cv2.FONT_HERSHEY_SIMPLEX, 0.8, ink, 2)
    assert text_lines(image / np.float32(255)) == 1


def test_reports_and_other_files_are_refused(tmp_path: Path) -> None:
    radiograph(tmp_path / "a.dcm")
    report = dcmread(tmp_path / "a.dcm")
    del report.PixelData
    report.save_as(tmp_path / "report.dcm")
    (tmp_path / "text.dcm").write_text("hello")
    for name, words in (("report.dcm", "no picture"), ("text.dcm", "not a DICOM")):
        with pytest.raises(UnsupportedFileError, match=words):
            deidentify(tmp_path / name, KEY)
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "a.dcm").read_bytes()[:700])
    with pytest.raises(FracturaError, match=r"cut\.dcm"):
        deidentify(tmp_path / "cut.dcm", KEY)


def test_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "k"
    key = read_or_make_key(path)
    assert read_or_make_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("not hexadecimal")
    with pytest.raises(FracturaError, match="not a key"):
        read_or_make_key(path)


def test_a_key_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(FracturaError, match=r"k: the key cannot be used \(No space left"):
            read_or_make_key(tmp_path / "k")
    assert not (tmp_path / "k").exists()
    assert len(read_or_make_key(tmp_path / "k")) == 32


def test_the_table_gives_the_standards_actions() -> None:
    action = action_of()
    assert action(0x00100010) == "empty"  # Patient's Name: Z
    assert action(0x00080018) == "map"  # SOP Instance UID: U
    assert action(0x00101010) == "remove"  # Patient's Age: X
    assert action(0x60023000) == "remove"  # Overlay Data in a repeating group: X
    assert action(0x00110010) == "remove"  # private
    assert action(0x00180015) == "keep"  # Body Part Examined
    assert generate_uid() != mapped_uid(KEY, "1")


def test_real_objects_of_every_transfer_syntax(shared_data: Path, tmp_path: Path) -> None:
    for path in sorted((shared_data / "dicom").rglob("*.dcm")):
        result = deidentify(path, KEY)
        (tmp_path / "x.dcm").write_bytes(result.data)
        np.testing.assert_array_equal(load(tmp_path / "x.dcm").pixels, load(path).pixels)
        name = str(dcmread(path, stop_before_pixels=True).get("PatientName", ""))
        assert not name or name.encode() not in result.data
