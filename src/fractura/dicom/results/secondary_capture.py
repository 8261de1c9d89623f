"""A reading as a picture, for viewers that show neither reports nor presentation states."""

from __future__ import annotations

from dataclasses import replace

from pydicom import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
)

from fractura.dicom.results.common import (
    NOTICE,
    ReadImage,
    finish,
    import_highdicom,
    place_in_series,
    plain,
)

KIND = "SC"
SERIES_NUMBER = 9903
_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K)


def secondary_capture(image: ReadImage) -> Dataset:
    """:func:`fractura.reading.annotated.picture_of` as a Secondary Capture in RGB, 8 bit.

    Its pixels are not the source's: it may be larger and has a caption below. So it carries no
    pixel spacing, and no one can measure on it by mistake.

    Raises:
        FracturaError: highdicom is not installed.
    """
    from fractura.reading.annotated import picture_of

    hd = import_highdicom()
    reading = replace(image.reading, warnings=(*image.reading.warnings, NOTICE))
    picture = picture_of(image.radiograph, reading, image.model.operating_points)
    source = image.source.attributes
    capture = hd.sc.SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        study_instance_uid=str(source.StudyInstanceUID),
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **place_in_series(image, KIND, SERIES_NUMBER),
    )
    # highdicom demands an orientation; the source's stands here, or none where it has none.
    capture.PatientOrientation = source.get("PatientOrientation")
    capture.BurnedInAnnotation = "YES"
    capture.DerivationDescription = plain(
        f"boxes and probability drawn by {image.model.name} {image.model.version}, {NOTICE}", 1024
    )
    reference = hd.ReferencedImageSequence(referenced_images=[image.source.reference()])
    if image.source.frame is not None:
        reference[0].ReferencedFrameNumber = image.source.frame
    reference[0].PurposeOfReferenceCodeSequence = [
        hd.sr.CodedConcept("121322", "DCM", "Source image for image processing operation")
    ]
    capture.SourceImageSequence = reference
    _keep_loss(capture, image)
    return finish(capture, image)


def _keep_loss(capture: Dataset, image: ReadImage) -> None:
    """Pixels that once lost something stay lossy (PS3.3 C.7.6.1.1.5)."""
    source = image.source.attributes
    syntax = UID(image.source.header.transfer_syntax)
    if source.get("LossyImageCompression") != "01" and syntax not in _LOSSY:
        return
    capture.LossyImageCompression = "01"
    for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if keyword in source:
            capture.add(source[keyword])
