"""A reading as a structured report: PS3.16, TID 1500 Imaging Measurement Report.

The SOP class is Comprehensive 3D SR, as IHE's profile AI Results (RAD AIR, 6.5.3.4) demands for
locations, also for those in pixels of one image. Boxes are SCOORD: a radiograph has no frame of
reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from fractura.dicom.results.common import (
    MANUFACTURER,
    NOTICE,
    ReadImage,
    device_uid,
    finish,
    import_highdicom,
    place_in_series,
    plain,
    tracking_identifier,
    tracking_uid,
)
from fractura.findings import Box, Decision, Finding, Reading

KIND = "SR"
SERIES_NUMBER = 9901

FRACTURE = Code("125605004", "SCT", "Fracture of bone")
DECISIONS: Mapping[Decision, Code] = {
    "fracture": Code("52101004", "SCT", "Present"),
    "uncertain": Code("82334004", "SCT", "Indeterminate"),
    "no fracture": Code("2667000", "SCT", "Absent"),
    "not evaluated": Code("373121007", "SCT", "Not Evaluated"),
}
PROBABILITY = Code("122157", "DCM", "Probability")
REGIONS: Mapping[str, Code] = {
    "hand": Code("85562004", "SCT", "Hand"),
    "finger": Code("7569003", "SCT", "Finger"),
    "wrist": Code("74670003", "SCT", "Wrist joint"),
    "forearm": Code("14975008", "SCT", "Forearm"),
    "elbow": Code("16953009", "SCT", "Elbow joint"),
    "upper arm": Code("40983000", "SCT", "Upper arm"),
    "shoulder": Code("16982005", "SCT", "Shoulder"),
    "clavicle": Code("51299004", "SCT", "Clavicle"),
    "hip": Code("24136001", "SCT", "Hip joint"),
    "pelvis": Code("12921003", "SCT", "Pelvis"),
    "thigh": Code("68367000", "SCT", "Thigh"),
    "knee": Code("72696002", "SCT", "Knee"),
    "lower leg": Code("30021000", "SCT", "Lower leg"),
    "ankle": Code("70258002", "SCT", "Ankle joint"),
    "foot": Code("56459004", "SCT", "Foot"),
    "upper limb": Code("53120007", "SCT", "Upper limb"),
    "lower limb": Code("61685007", "SCT", "Lower limb"),
    "shoulder girdle": Code("16982005", "SCT", "Shoulder"),
    "pelvic girdle": Code("12921003", "SCT", "Pelvis"),
}
"""SNOMED CT codes of the regions that the shipped model names; others are left out."""


def structured_report(image: ReadImage) -> Dataset:
    """The reading as a Comprehensive 3D SR object, complete, preliminary and unverified.

    The first measurement group is the whole image: the probability of a fracture (0..1) and, as
    the answer to "Fracture of bone", the decision. One group a finding follows: its box as a
    closed POLYLINE from the top left corner clockwise (PS3.3 C.18.6: column and row, origin at
    the top left corner of the top left pixel), its score as Certainty of Finding (0..1) and its
    site. Warnings stand as comments. A reading that was not evaluated has no probability, and its
    reason is a comment. Numbers are kept to the last bit as Floating Point Value.

    Raises:
        FracturaError: highdicom is not installed.
    """
    hd = import_highdicom()
    sr = hd.sr
    algorithm = _algorithm(image, sr)
    groups = [_image_group(image, algorithm, sr)]
    groups += [
        _finding_group(image, number, finding, algorithm, sr)
        for number, finding in enumerate(image.findings, start=1)
    ]
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=device_uid(image.model),
            name=plain(f"{image.model.name} {image.model.version}"),
            manufacturer_name=MANUFACTURER,
            model_name=plain(image.model.name),
        ),
    )
    report = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.SCT.PlainRadiography,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    for text in (f"Research use only, {NOTICE}.", *_remarks(image.reading)):
        report[0].ContentSequence.append(
            sr.TextContentItem(
                codes.DCM.Comment, plain(text, 1024), sr.RelationshipTypeValues.CONTAINS
            )
        )
    document = sr.Comprehensive3DSR(
        evidence=[image.source.reference()],
        content=report,
        is_complete=True,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **place_in_series(image, KIND, SERIES_NUMBER),
    )
    return finish(document, image)


def _remarks(reading: Reading) -> tuple[str, ...]:
    if reading.decision != "not evaluated" or reading.reason is None:
        return reading.warnings
    return (f"Not evaluated: {reading.reason.sentence}.", *reading.warnings)


def corners(box: Box) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The box as a closed line ``[5, 2]``: column and row, from the top left corner clockwise."""
    x_min, y_min, x_max, y_max = box.as_list()
    points = [(x_min, y_min), (x_max, y_min), (x_max, y_max), (x_min, y_max), (x_min, y_min)]
    return np.array(points, dtype=np.float32)


def _algorithm(image: ReadImage, sr: Any) -> Any:
    points = image.model.operating_points
    parameters = [
        f"{name}: probability {point.probability:.6g}, box score {point.box_score:.6g}"
        for name, point in (
            ("high-sensitivity operating point", points.high_sensitivity),
            ("high-specificity operating point", points.high_specificity),
        )
    ]
    fit = image.model.preprocess
    parameters.append(f"input: longer side {fit.long_side} pixels")
    return sr.AlgorithmIdentification(
        name=plain(image.model.name),
        version=plain(image.model.version),
        parameters=parameters,
        manufacturer=MANUFACTURER,
    )


def _image_group(image: ReadImage, algorithm: Any, sr: Any) -> Any:
    reading, measurements = image.reading, None
    if reading.decision != "not evaluated":
        measurements = [_number(PROBABILITY, reading.probability, sr)]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(image, 0, sr),
        algorithm_id=algorithm,
        finding_sites=_sites(image, sr),
        measurements=measurements,
        qualitative_evaluations=[sr.QualitativeEvaluation(FRACTURE, DECISIONS[reading.decision])],
        source_images=[sr.SourceImageForMeasurementGroup(*_reference(image))],
    )


def _finding_group(image: ReadImage, number: int, finding: Finding, algorithm: Any, sr: Any) -> Any:
    region = sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=corners(finding.box),
        source_image=sr.SourceImageForRegion(*_reference(image)),
    )
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(image, number, sr),
        referenced_region=region,
        finding_type=FRACTURE,
        algorithm_id=algorithm,
        finding_sites=_sites(image, sr),
        measurements=[_number(codes.DCM.CertaintyOfFinding, finding.score, sr)],
    )


def _tracking(image: ReadImage, number: int, sr: Any) -> Any:
    return sr.TrackingIdentifier(
        uid=tracking_uid(image.source, image.model, number),
        identifier=tracking_identifier(image.model, number),
    )


def _number(name: Code, value: float, sr: Any) -> Any:
    return sr.Measurement(name=name, value=float(value), unit=codes.UCUM.NoUnits)


def _sites(image: ReadImage, sr: Any) -> list[Any] | None:
    code = REGIONS.get(image.reading.region or "")
    return None if code is None else [sr.FindingSite(code)]


def _reference(image: ReadImage) -> tuple[str, str, list[int] | None]:
    source = image.source
    frames = None if source.frame is None else [source.frame]
    return str(source.attributes.SOPClassUID), str(source.attributes.SOPInstanceUID), frames
