"""The three kinds of results: what they say, whom they belong to, what validators say of them."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, uid
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from fractura.dicom.results.common import instance_uid, to_bytes
from fractura.dicom.results.make import MAKERS
from fractura.dicom.results.presentation_state import presentation_state
from fractura.dicom.results.secondary_capture import secondary_capture
from fractura.dicom.results.source import COPIED, read_source
from fractura.dicom.results.structured_report import structured_report
from fractura.errors import (
    DamagedFileError,
    FracturaError,
    SeveralFramesError,
    UnsupportedFileError,
)
from fractura.findings import Box, Finding
from fractura.imaging.draw import overlay
from fractura.imaging.style import VERMILLION
from tests.dicom.results.material import FINDINGS, description, phantom, radiograph, read_image

hd = pytest.importorskip("highdicom")

KINDS = pytest.mark.parametrize("kind", list(MAKERS))


def written(dataset: Dataset) -> Dataset:
    return dcmread(io.BytesIO(to_bytes(dataset)))


boxes = st.tuples(*[st.floats(0, 1, width=32)] * 4).map(
    lambda edges: Box(
        min(edges[0], edges[1]) * 199,
        min(edges[2], edges[3]) * 239,
        max(edges[0], edges[1]) * 199 + 1,
        max(edges[2], edges[3]) * 239 + 1,
    )
)
scores = st.floats(0.05, 1)


@settings(max_examples=8)
@given(st.lists(st.tuples(scores, boxes), max_size=4), st.floats(0, 1))
def test_report_gives_back_boxes_and_probabilities(pairs: Any, probability: float) -> None:
    findings = tuple(Finding("fracture", score, box) for score, box in pairs)
    image = read_image(radiograph(), findings=findings, probability=probability)
    document = hd.sr.srread(io.BytesIO(to_bytes(structured_report(image))))
    whole = document.content.get_image_measurement_groups()
    assert [item.value for group in whole for item in group.get_measurements()] == [probability]
    groups = document.content.get_planar_roi_measurement_groups()
    assert len(groups) == len(findings)
    for group, finding in zip(groups, findings, strict=True):
        x_min, y_min, x_max, y_max = finding.box.as_list()
        line = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
        assert group.roi.graphic_type.value == "POLYLINE"
        np.testing.assert_allclose(group.roi.value, line, atol=0.01)
        assert [item.value for item in group.get_measurements()] == [finding.score]


def test_report_says_who_what_and_where() -> None:
    image = read_image(radiograph(), warnings=("does not look like a bone radiograph",))
    document = hd.sr.srread(io.BytesIO(to_bytes(structured_report(image))))
    assert document.SOPClassUID == uid.Comprehensive3DSRStorage
    assert (document.CompletionFlag, document.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert document.PreliminaryFlag == "PRELIMINARY"
    assert document.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert document.get_evidence() == [
        ("1.2.3", "1.2.3.5", "1.2.3.4", uid.ComputedRadiographyImageStorage)
    ]
    (whole,) = document.content.get_image_measurement_groups()
    (answer,) = whole.get_qualitative_evaluations()
    assert (answer.name.value, answer.value.value) == ("125605004", "52101004")
    assert whole.finding_type is None
    groups = document.content.get_planar_roi_measurement_groups()
    assert len(groups) == 2
    tracking = set()
    for group in groups:
        assert group.finding_type.value == "125605004"
        assert [site.value.value for site in group.finding_sites] == ["61685007"]
        assert group.get_measurements()[0].name.value == "111012"
        assert group.get_measurements()[0].unit.value == "1"
        assert group.roi.ContentSequence[0].referenced_sop_instance_uid == "1.2.3.4"
        tracking.add(group.tracking_uid)
    assert len(tracking) == 2
    state = presentation_state(image)
    graphics = [
        item.TrackingUID
        for annotation in state.GraphicAnnotationSequence
        for item in annotation.get("GraphicObjectSequence", ())
    ]
    assert set(graphics) == tracking
    texts = [item.get("TextValue") for item in document.ContentSequence]
    assert "does not look like a bone radiograph" in texts


@pytest.mark.parametrize(
    ("decision", "code"), [("no fracture", "2667000"), ("uncertain", "82334004")]
)
def test_report_never_calls_a_finding_what_was_not_found(decision: str, code: str) -> None:
    image = read_image(radiograph(), decision=decision, findings=(), region="skull")
    document = hd.sr.srread(io.BytesIO(to_bytes(structured_report(image))))
    (whole,) = document.content.get_image_measurement_groups()
    assert whole.get_qualitative_evaluations()[0].value.value == code
    assert whole.finding_type is None
    assert not whole.finding_sites
    assert not document.content.get_planar_roi_measurement_groups()


def lut(first: int, values: list[int], bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(values), first, bits])
    item.add_new("LUTData", "OW", np.array(values, "<u2").tobytes())
    item.ModalityLUTType = "US"
    return item


SIGNED = {
    "PixelRepresentation": 1,
    "PixelData": (phantom().astype("<i2") - 2048).tobytes(),
}
GREYS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "window": {"WindowCenter": 1500, "WindowWidth": 1800},
    "two windows": {"WindowCenter": [1500, 20], "WindowWidth": [1800, 30]},
    "sigmoid": {"WindowCenter": 1500, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"},
    "exact": {"WindowCenter": 1500, "WindowWidth": 900, "VOILUTFunction": "LINEAR_EXACT"},
    "rescale": {
        "RescaleSlope": "0.5",
        "RescaleIntercept": "-100.25",
        "WindowCenter": 700,
        "WindowWidth": 900.5,
    },
    "negative": {**SIGNED, "WindowCenter": 0, "WindowWidth": 3000},
    "negative without window": SIGNED,
    "VOI LUT of 12 bits": {"VOILUTSequence": [lut(500, list(range(0, 4096, 2)), 12)]},
    "VOI LUT below zero": {**SIGNED, "VOILUTSequence": [lut(-900, list(range(1800)), 12)]},
    "modality LUT": {
        "ModalityLUTSequence": [lut(0, [min(value * 2, 4095) for value in range(4096)], 12)],
        "WindowCenter": 2000,
        "WindowWidth": 3000,
    },
    "12 of 16 bits": {"BitsStored": 16, "HighBit": 15},
    "invalid window": {"WindowCenter": 100, "WindowWidth": 0},
}


def shown(state: Dataset, stored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What a presentation state makes of stored values, 0..1, by pydicom's own functions."""
    voi = state.SoftcopyVOILUTSequence[0]
    values = apply_modality_lut(stored, state)
    if "VOILUTSequence" in voi:
        values = np.rint(values).astype(int)
    else:  # pydicom wants to know the range of its output
        voi.PhotometricInterpretation, voi.PixelRepresentation = "MONOCHROME2", 0
        voi.BitsStored = 16
    grey = np.clip(apply_voi_lut(values, voi).astype(float) / 65535, 0, 1)
    return 1 - grey if state.PresentationLUTShape == "INVERSE" else grey


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("grey", GREYS)
def test_presentation_state_shows_the_grey_values_that_were_read(
    grey: str, photometric: str
) -> None:
    changes = {**GREYS[grey], "PhotometricInterpretation": photometric}
    data = radiograph(**changes)
    image = read_image(data)
    state = written(presentation_state(image))
    assert state.PresentationLUTShape == {"MONOCHROME1": "INVERSE"}.get(photometric, "IDENTITY")
    stored = dcmread(io.BytesIO(data)).pixel_array
    np.testing.assert_allclose(shown(state, stored), image.radiograph.pixels, atol=2e-3)


def test_presentation_state_puts_the_boxes_where_the_report_does() -> None:
    state = written(presentation_state(read_image(radiograph())))
    (area,) = state.DisplayedAreaSelectionSequence
    assert area.DisplayedAreaTopLeftHandCorner == [1, 1]
    assert area.DisplayedAreaBottomRightHandCorner == [200, 240]
    layers = [layer.GraphicLayer for layer in state.GraphicLayerSequence]
    used = [annotation.GraphicLayer for annotation in state.GraphicAnnotationSequence]
    assert sorted(layers) == sorted(used)
    assert len(set(layers)) == 3
    graphics = state.GraphicAnnotationSequence[1].GraphicObjectSequence
    for graphic, finding in zip(graphics, FINDINGS, strict=True):
        points = np.array(graphic.GraphicData).reshape(-1, 2)
        assert graphic.GraphicAnnotationUnits == "PIXEL"
        np.testing.assert_allclose(
            [*points.min(0), *points.max(0)], finding.box.as_list(), atol=1e-4
        )
    texts = state.GraphicAnnotationSequence[2].TextObjectSequence
    assert [text.UnformattedTextValue for text in texts] == ["fracture 0.81", "fracture 0.10"]


def test_capture_is_the_overlay_and_its_frames_are_the_boxes() -> None:
    large = {"Rows": 960, "Columns": 800, "PixelData": bytes(960 * 800 * 2)}
    finding = Finding("fracture", 0.9, Box(300.5, 400.25, 480.75, 555.5))
    image = read_image(radiograph(**large), findings=(finding,))
    capture = written(secondary_capture(image))
    assert (capture.PhotometricInterpretation, capture.BitsStored) == ("RGB", 8)
    assert capture.BurnedInAnnotation == "YES"
    assert capture.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert "PixelSpacing" not in capture
    reading = replace(image.reading, warnings=("not for clinical use",))
    points = description().operating_points.high_specificity
    expected = overlay(image.radiograph, reading, solid_from=points.box_score)
    np.testing.assert_array_equal(capture.pixel_array, expected)
    frame = (capture.pixel_array[:960] == VERMILLION).all(axis=2)
    across = np.flatnonzero(frame[470])
    down = np.flatnonzero(frame[:, 390])
    for line, low, high in ((across, 300.5, 480.75), (down, 400.25, 555.5)):
        near, far = line[line < 430], line[line > 430]
        assert near.max() + 1 <= low
        assert low - near.max() - 1 < 3
        assert far.min() >= high
        assert far.min() - high < 3


@KINDS
def test_the_same_image_model_and_time_give_the_same_bytes(kind: str) -> None:
    data = radiograph()
    first, second = (to_bytes(MAKERS[kind](read_image(data))) for _ in range(2))
    assert first == second
    result = dcmread(io.BytesIO(first))
    assert result.SOPInstanceUID == result.file_meta.MediaStorageSOPInstanceUID
    assert uid.UID(result.SOPInstanceUID).is_valid
    assert result.SeriesDescription == f"fractura-s 5 {kind}, not for clinical use"


def test_identifiers_depend_on_image_frame_model_and_kind() -> None:
    frames = {"NumberOfFrames": 2, "PixelData": phantom().tobytes() * 2}
    several = radiograph(**frames, SOPClassUID=uid.XRayRadiofluoroscopicImageStorage)
    sources = [
        read_source(data, name="made.dcm", frame=frame)
        for data, frame in (
            (radiograph(), None),
            (radiograph(SOPInstanceUID="1.2.3.6"), None),
            (several, 1),
            (several, 2),
        )
    ]
    models = [description(), replace(description(), version="other")]
    made = [instance_uid(s, model, kind) for s in sources for model in models for kind in MAKERS]
    assert len(set(made)) == len(made)
    once = read_source(radiograph(), name="made.dcm", frame=1)
    assert instance_uid(once, models[0], "SR") == instance_uid(sources[0], models[0], "SR")


@pytest.mark.parametrize(
    "kind_of_image", [uid.XRayRadiofluoroscopicImageStorage, uid.ComputedRadiographyImageStorage]
)
def test_results_refer_to_their_frame(kind_of_image: str) -> None:
    data = radiograph(
        NumberOfFrames=2, PixelData=phantom().tobytes() * 2, SOPClassUID=kind_of_image
    )
    with pytest.raises(SeveralFramesError, match=r"made.dcm: it holds 2 frames"):
        read_source(data, name="made.dcm")
    image = read_image(data, frame=2)
    report, state, capture = (written(make(image)) for make in MAKERS.values())
    groups = report.ContentSequence[-2].ContentSequence
    whole = groups[0].ContentSequence[-1].ReferencedSOPSequence[0]
    assert whole.ReferencedFrameNumber == 2
    for annotation in state.GraphicAnnotationSequence:
        assert annotation.ReferencedImageSequence[0].ReferencedFrameNumber == 2
    assert capture.SourceImageSequence[0].ReferencedFrameNumber == 2
    assert {item.InstanceNumber for item in (report, state, capture)} == {2}


NAMES = {
    None: "Doe^Jane",
    "ISO_IR 100": "Müller^Jürgen",
    "ISO_IR 192": "Wang^XiaoDong=王^小东=",
    "GB18030": "Wang^XiaoDong=王^小东=",
    "ISO 2022 IR 6\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 6\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
}


@KINDS
@pytest.mark.parametrize("character_set", NAMES)
def test_patient_and_study_are_the_same_bytes(kind: str, character_set: str | None) -> None:
    name = NAMES[character_set]
    nested = Dataset()
    nested.PatientID, nested.TypeOfPatientID = "P2", "TEXT"
    data = radiograph(
        character_set=character_set.split("\\") if character_set else None,
        PatientName=name,
        StudyDescription=name.split("=")[-2] if "=" in name else name,
        OtherPatientIDsSequence=[nested],
        TimezoneOffsetFromUTC="+0530",
    )
    result = written(MAKERS[kind](read_image(data)))
    source = dcmread(io.BytesIO(data))
    for keyword in COPIED:
        assert (keyword in result) == (keyword in source), keyword
        if keyword in source and source.get_item(keyword).VR != "SQ":
            assert result.get_item(keyword).value == source.get_item(keyword).value, keyword
    assert str(result.PatientName) == name.rstrip("=")
    assert result.OtherPatientIDsSequence[0].PatientID == "P2"
    assert result.StudyInstanceUID == "1.2.3"
    assert result.SeriesInstanceUID not in ("1.2.3.5", result.StudyInstanceUID)
    assert result.InstanceCreationDate == "20260102"
    assert result.InstanceCreationTime == "083405.000678"


@KINDS
@pytest.mark.parametrize("character_set", ["ISO 2022 IR 87", ["ISO 2022 IR 87", "ISO_IR 100"]])
def test_results_are_made_where_the_first_character_set_is_japanese(
    kind: str, character_set: str | list[str]
) -> None:
    made = MAKERS[kind](read_image(radiograph(character_set=character_set)))
    result = written(made)
    assert result.SpecificCharacterSet == character_set
    assert str(result.PatientName) == "Doe^Jane"


@KINDS
def test_missing_and_invalid_attributes_do_no_harm(kind: str) -> None:
    missing = dict.fromkeys(
        (
            *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate"),
            *("StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
            *("InstanceNumber", "PatientOrientation", "Laterality", "BodyPartExamined"),
        )
    )
    result = written(MAKERS[kind](read_image(radiograph(**missing))))
    for keyword in ("PatientID", "PatientName", "StudyDate", "AccessionNumber"):
        assert result[keyword].is_empty
    assert result.InstanceNumber == 1
    damaged = radiograph(PatientSize="1.70", PatientBirthDate="19610312", InstanceNumber=7)
    for good, bad in ((b"1.70", b"tall"), (b"19610312", b"12/03/61"), (b"IS\2\x007 ", b"IS\2\0??")):
        assert damaged.count(good) == 1
        damaged = damaged.replace(good, bad)
    result = written(MAKERS[kind](read_image(damaged)))
    assert result.InstanceNumber == 1
    assert result.PatientName == "Doe^Jane"


@KINDS
@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian])
def test_any_encoding_of_the_source_gives_the_same_result(kind: str, syntax: str) -> None:
    plain, other = (MAKERS[kind](read_image(radiograph(syntax=s))) for s in (None, syntax))
    assert to_bytes(plain) == to_bytes(other)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"SOPClassUID": uid.CTImageStorage}, UnsupportedFileError, "CT Image Storage object of"),
        (
            {"SOPClassUID": uid.SecondaryCaptureImageStorage, "Modality": "OT"},
            UnsupportedFileError,
            "of modality OT, not a radiograph",
        ),
        ({"PixelData": None}, DamagedFileError, "without whole pixel data"),
        ({"StudyInstanceUID": ""}, DamagedFileError, "it has no StudyInstanceUID"),
        ({"SeriesInstanceUID": None}, DamagedFileError, "it has no SeriesInstanceUID"),
        (
            {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"},
            UnsupportedFileError,
            "in colour",
        ),
    ],
)
def test_what_is_no_radiograph_is_refused(
    changes: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=f"made.dcm: it .*{sentence}|made.dcm: {sentence}"):
        read_source(radiograph(**changes), name="made.dcm")


def test_scanned_films_are_radiographs() -> None:
    data = radiograph(SOPClassUID=uid.SecondaryCaptureImageStorage, Modality="RG")
    assert read_source(data, name="made.dcm").attributes.Modality == "RG"
    with pytest.raises(UnsupportedFileError, match="not a DICOM file"):
        read_source(b"\x89PNG" + bytes(500), name="made.png")


@settings(max_examples=30, derandomize=True)
@given(st.data())
def test_damaged_headers_end_in_a_result_or_a_sentence(choice: st.DataObject) -> None:
    data = bytearray(radiograph(WindowCenter=1500, WindowWidth=1800, PatientSize="1.7"))
    header = len(data) - 240 * 200 * 2
    for _ in range(choice.draw(st.integers(1, 4))):
        data[choice.draw(st.integers(132, header - 1))] = choice.draw(st.integers(0, 255))
    try:
        image = read_image(bytes(data))
        image = replace(image, reading=replace(image.reading, findings=()))
        for make in MAKERS.values():
            dcmread(io.BytesIO(to_bytes(make(image))))
    except FracturaError:
        pass


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not installed")
@KINDS
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "image", [uid.ComputedRadiographyImageStorage, uid.DigitalXRayImageStorageForPresentation]
)
def test_validator_finds_no_fault(tmp_path: Any, kind: str, photometric: str, image: str) -> None:
    data = radiograph(PhotometricInterpretation=photometric, SOPClassUID=image)
    file = tmp_path / "result.dcm"
    file.write_bytes(to_bytes(MAKERS[kind](read_image(data))))
    answer = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
    assert not [line for line in answer.stderr.splitlines() if line.startswith(("Err", "Warn"))]


@pytest.mark.skipif(not shutil.which("dcmp2pgm"), reason="dcmtk's dcmp2pgm is not installed")
@pytest.mark.parametrize("name", ["RG3_UNC", "dx_image"])
def test_dcmtk_shows_real_radiographs_as_they_were_read(
    tmp_path: Any, shared_data: Any, name: str
) -> None:
    import cv2

    (path,) = (shared_data / "dicom").rglob(f"{name}.dcm")
    data = path.read_bytes()
    image = read_image(data, findings=(Finding("fracture", 0.5, Box(20, 30, 60, 80)),))
    state, picture = tmp_path / "state.dcm", tmp_path / "picture.pgm"
    state.write_bytes(to_bytes(presentation_state(image)))
    command = ["dcmp2pgm", "-p", str(state), str(path), str(picture)]
    subprocess.run(command, check=True, capture_output=True)
    shades = cv2.imread(str(picture), cv2.IMREAD_UNCHANGED) / 255
    np.testing.assert_allclose(shades, image.radiograph.pixels, atol=1.01 / 255)
