"""The DICOM radiograph that results refer to: who, which study, which instance, which frame."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset, uid
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag

from fractura.errors import DamagedFileError, LoadError, UnsupportedFileError
from fractura.imaging.dicom_file.header import KEYWORDS, DicomHeader, read_header
from fractura.imaging.dicom_file.parse import parse
from fractura.imaging.frames import choose_frame

RADIOGRAPHS = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.XRayRadiofluoroscopicImageStorage,
)
CAPTURES = (
    uid.SecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)
"""Secondary captures are radiographs (scanned films, mostly) where their modality says so."""
MODALITIES = ("CR", "DX", "RG", "RF")

COPIED = (
    *("SpecificCharacterSet", "TimezoneOffsetFromUTC"),
    # Patient, PS3.3 C.7.1.1
    *("PatientName", "PatientID", "IssuerOfPatientID", "TypeOfPatientID", "PatientBirthDate"),
    *("IssuerOfPatientIDQualifiersSequence", "PatientBirthTime", "PatientSex", "OtherPatientIDs"),
    *("OtherPatientIDsSequence", "OtherPatientNames", "EthnicGroup", "PatientComments"),
    *("QualityControlSubject", "PatientSpeciesDescription", "PatientSpeciesCodeSequence"),
    *("PatientBreedDescription", "PatientBreedCodeSequence", "BreedRegistrationSequence"),
    *("ResponsiblePerson", "ResponsiblePersonRole", "ResponsibleOrganization"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    # General Study, C.7.2.1
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber"),
    *("IssuerOfAccessionNumberSequence", "StudyDescription", "ReferringPhysicianName"),
    *("PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "ProcedureCodeSequence"),
    # Patient Study, C.7.2.2
    *("PatientAge", "PatientSize", "PatientWeight", "PatientSexNeutered", "AdmissionID"),
    # Clinical Trial Subject and Study, C.7.1.3 and C.7.2.3
    *("ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName"),
    *("ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID"),
    *("ClinicalTrialSubjectReadingID", "ClinicalTrialTimePointID"),
    "LongitudinalTemporalInformationModified",
)
"""What a result takes over unchanged: the patient's and the study's modules."""
_REFERENCES = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_OTHERS = (
    *("Modality", "InstanceNumber", "PatientOrientation"),
    *("BodyPartExamined", "Laterality", "ImageLaterality"),
    *("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
_ATTRIBUTES = [*_REFERENCES, *COPIED, *_OTHERS]


@dataclass(frozen=True, eq=False)
class SourceImage:
    """A DICOM radiograph, or one frame of it.

    Attributes:
        attributes: who and what it is, those of :data:`COPIED` among them, as far as they are
            there and can be read.
        dataset: the object as it was parsed, for its pixel data.
        header: what decides how its samples are shown, checked.
        frame: the number of the frame from 1 where the object holds several, else ``None``.
    """

    attributes: Dataset
    dataset: Dataset
    header: DicomHeader
    frame: int | None

    @property
    def index(self) -> int:
        """The frame's index from 0."""
        return (self.frame or 1) - 1

    def reference(self) -> Dataset:
        """A data set with nothing but what identifies the image and its size."""
        short = Dataset()
        for keyword in _REFERENCES:
            setattr(short, keyword, str(self.attributes[keyword].value))
        short.Rows, short.Columns = self.header.rows, self.header.columns
        short.SamplesPerPixel = 1
        short.NumberOfFrames = self.header.frames
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
            setattr(short, keyword, "")
        for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime"):
            setattr(short, keyword, None)
        return short


def read_source(data: bytes, *, name: str, frame: int | None = None) -> SourceImage:
    """Parse the header of a DICOM file (PS3.10) that holds a grey radiograph.

    Args:
        data: the file.
        name: stands in messages.
        frame: which frame, from 1, of an object with several.

    Raises:
        UnsupportedFileError: it is no DICOM file, no radiograph, or in colour.
        DamagedFileError: its header is damaged, or does not say which instance of which series
            and study it is.
        SeveralFramesError: it holds several frames and ``frame`` is None.
        LoadError: ``frame`` does not exist.
    """
    try:
        return _read_source(data, frame)
    except LoadError as error:
        raise type(error)(f"{name}: {error}") from error


def _read_source(data: bytes, frame: int | None) -> SourceImage:
    if data[128:132] != b"DICM":
        raise UnsupportedFileError(
            "it is not a DICOM file, which has DICM after its first 128 bytes; "
            "use fractura detect for other pictures"
        )
    dataset = parse(data, [*KEYWORDS, *_ATTRIBUTES])
    attributes = _readable(dataset)
    _check_is_radiograph(attributes)
    header = read_header(dataset)
    if not header.photometric.startswith("MONOCHROME"):
        raise UnsupportedFileError("it is a picture in colour, not a radiograph from the detector")
    for keyword in _REFERENCES:
        if not attributes.get(keyword):
            raise DamagedFileError(f"it has no {keyword}, so that no result can refer to it")
    index = choose_frame(frame, header.frames)
    return SourceImage(attributes, dataset, header, index + 1 if header.frames > 1 else None)


def _readable(dataset: Dataset) -> Dataset:
    """The attributes whose values can be converted; a damaged one is left out."""
    attributes = Dataset()
    for keyword in _ATTRIBUTES:
        if keyword not in dataset:
            continue
        try:
            element = dataset[keyword]
        except Exception:  # pydicom raises many types on damaged values
            continue
        if dictionary_VR(Tag(keyword)) == element.VR:
            attributes.add(element)
    return attributes


def _check_is_radiograph(attributes: Dataset) -> None:
    kind = uid.UID(str(attributes.get("SOPClassUID") or ""))
    modality = str(attributes.get("Modality") or "unknown")
    if kind in RADIOGRAPHS or (kind in CAPTURES and modality in MODALITIES):
        return
    raise UnsupportedFileError(
        f"it is a DICOM {kind.name or 'unknown'} object of modality {modality}, not a radiograph"
    )
