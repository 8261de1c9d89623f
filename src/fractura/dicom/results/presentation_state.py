"""A reading as a Grayscale Softcopy Presentation State: PS3.3, A.33.1."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom import Dataset

from fractura.dicom.results.common import (
    NOTICE,
    ReadImage,
    finish,
    import_highdicom,
    place_in_series,
    plain,
    tracking_identifier,
    tracking_uid,
)
from fractura.dicom.results.structured_report import corners
from fractura.findings import Box, Finding
from fractura.imaging.dicom_file.display import find_padding, full_range
from fractura.imaging.dicom_file.header import LookupTable
from fractura.imaging.dicom_file.pixels import decode_frame
from fractura.imaging.style import VERMILLION

KIND = "GSPS"
SERIES_NUMBER = 9902
BOXES, SCORES, SUMMARY = "FRACTURA BOXES", "FRACTURA SCORES", "FRACTURA SUMMARY"
"""Names of the graphic layers, which viewers switch on and off."""
_TEXT_HEIGHT = 0.025
"""Of a line of text, in parts of the image's longer side."""


def presentation_state(image: ReadImage) -> Dataset:
    """Boxes, scores and a summary in three graphic layers, over the image as it was read.

    Coordinates are in pixels of the image, from the top left corner of its top left pixel. Rescale
    or modality LUT, VOI LUT or window, and polarity are those with which
    :func:`fractura.imaging.load.load` shows the image: a presentation state replaces the image's
    own, and MONOCHROME1 becomes the presentation LUT shape INVERSE (PS3.4, N.2). The whole image
    is displayed.

    Raises:
        LoadError: the image gives no window and its pixel data, which decide it, are damaged.
        FracturaError: highdicom is not installed.
    """
    hd = import_highdicom()
    colour = hd.color.CIELabColor.from_rgb(*VERMILLION)
    layers = {
        name: hd.pr.GraphicLayer(name, order, description, colour)
        for order, (name, description) in enumerate(
            (
                (BOXES, "boxes around suspected fractures"),
                (SCORES, "probability of each suspected fracture"),
                (SUMMARY, "probability of a fracture in the image"),
            ),
            start=1,
        )
    }
    annotations = [_annotation(image, layers[SUMMARY], hd, texts=[_summary(image, hd)])]
    findings = list(enumerate(image.findings, start=1))
    if findings:
        boxes = [_box(image, number, finding, hd) for number, finding in findings]
        scores = [_score(image, number, finding, hd) for number, finding in findings]
        annotations += [
            _annotation(image, layers[BOXES], hd, graphics=boxes),
            _annotation(image, layers[SCORES], hd, texts=scores),
        ]
    state = hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[image.source.reference()],
        content_label="FRACTURA",
        content_description=f"Suspected fractures, {NOTICE}",
        content_creator_name="fractura^software",
        graphic_layers=list(layers.values()),
        graphic_annotations=annotations,
        modality_lut_transformation=_modality(image, hd),
        voi_lut_transformations=[_voi(image, hd)],
        presentation_lut_transformation=hd.PresentationLUTTransformation(
            "INVERSE" if image.source.header.inverse else "IDENTITY"
        ),
        **place_in_series(image, KIND, SERIES_NUMBER),
    )
    return finish(state, image)


def _annotation(image: ReadImage, layer: Any, hd: Any, graphics: Any = (), texts: Any = ()) -> Any:
    annotation = hd.pr.GraphicAnnotation(
        referenced_images=[image.source.reference()],
        graphic_layer=layer,
        graphic_objects=list(graphics),
        text_objects=list(texts),
    )
    if image.source.frame is not None:
        annotation.ReferencedImageSequence[0].ReferencedFrameNumber = image.source.frame
    return annotation


def _box(image: ReadImage, number: int, finding: Finding, hd: Any) -> Any:
    return hd.pr.GraphicObject(
        graphic_type="POLYLINE",
        graphic_data=corners(finding.box),
        units="PIXEL",
        tracking_id=tracking_identifier(image.model, number),
        tracking_uid=tracking_uid(image.source, image.model, number),
    )


def _score(image: ReadImage, number: int, finding: Finding, hd: Any) -> Any:
    return hd.pr.TextObject(
        text_value=plain(f"{finding.label} {finding.score:.2f}"),
        units="PIXEL",
        bounding_box=_beside(finding.box, image),
        text_justification="LEFT",
        tracking_id=tracking_identifier(image.model, number),
        tracking_uid=tracking_uid(image.source, image.model, number),
    )


def _beside(box: Box, image: ReadImage) -> tuple[float, float, float, float]:
    """One line of text above the box, or below it where there is no room."""
    height, width = float(image.radiograph.height), float(image.radiograph.width)
    line = _TEXT_HEIGHT * max(height, width)
    top = box.y_min - line
    if top < 0:
        top = min(box.y_max, height - line)
    left = max(0.0, min(box.x_min, width - 10 * line))
    return left, max(0.0, top), min(width, left + 10 * line), min(height, top + line)


def _summary(image: ReadImage, hd: Any) -> Any:
    height, width = float(image.radiograph.height), float(image.radiograph.width)
    line = _TEXT_HEIGHT * max(height, width)
    reading = image.reading
    if reading.decision != "not evaluated":
        said = f"{reading.decision}, probability {reading.probability:.2f}"
    else:
        said = "not evaluated" + (f": {reading.reason.sentence}" if reading.reason else "")
    return hd.pr.TextObject(
        text_value=plain(f"{said}; {NOTICE}", 1024),
        units="PIXEL",
        bounding_box=(0.0, 0.0, width, min(line, height)),
        text_justification="LEFT",
    )


def _modality(image: ReadImage, hd: Any) -> Any:
    header = image.source.header
    if header.modality_lut is None:
        return hd.ModalityLUTTransformation(header.intercept, header.slope, "US")
    values = header.modality_lut.values.astype(np.uint16)
    lut = hd.ModalityLUT("US", 0, values)
    return hd.ModalityLUTTransformation(modality_lut=_describe(lut, header.modality_lut))


def _voi(image: ReadImage, hd: Any) -> Any:
    """The VOI LUT or first window; where there is none, the range that was read, as a window."""
    header = image.source.header
    if header.voi_lut is not None:
        table = header.voi_lut
        lut = hd.VOILUT(0, np.rint(table.values * (65535 / table.top)).astype(np.uint16))
        return hd.pr.SoftcopyVOILUTTransformation(voi_luts=[_describe(lut, table)])
    if header.window is not None:
        centre, width, function = header.window
        return hd.pr.SoftcopyVOILUTTransformation(centre, width, voi_lut_function=function)
    samples, _ = decode_frame(image.source.dataset, header, image.source.index)
    low, high, _ = full_range(samples, find_padding(samples, header), header)
    return hd.pr.SoftcopyVOILUTTransformation(
        (low + high + 1) / 2, high - low + 1, voi_lut_function="LINEAR"
    )


def _describe(lut: Any, table: LookupTable) -> Any:
    """Say where the table begins, which may be below zero; entries are of 16 bits."""
    count = len(table.values)
    if table.first < 0 and count < 1 << 15:
        lut.add_new("LUTDescriptor", "SS", [count, table.first, 16])
    else:
        lut.add_new("LUTDescriptor", "US", [count & 0xFFFF, table.first & 0xFFFF, 16])
    return lut
