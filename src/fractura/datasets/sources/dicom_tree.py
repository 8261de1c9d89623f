"""Folders of DICOM files, of which the headers tell everything but the label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fractura.datasets.record import Dropped, Laterality, Record
from fractura.datasets.sources.folder import read_folder
from fractura.datasets.sources.source import Options, Source
from fractura.datasets.sources.words import find_sex, find_side, find_view, tidy
from fractura.errors import LoadError
from fractura.imaging.dicom_file.subject import read_subject
from fractura.imaging.limits import MAX_FILE_BYTES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

KEYWORDS = [
    *("SpecificCharacterSet", "SOPInstanceUID", "StudyInstanceUID", "StudyDate", "Modality"),
    *("IssuerOfPatientID", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("BodyPartExamined", "ViewPosition", "Laterality", "ImageLaterality"),
    *("NumberOfFrames", "Rows", "Columns", "BitsStored"),
]
_START_BYTES = 1 << 18


def read(root: Path, options: Options) -> Iterator[Record | Dropped]:
    """One record an image object, in the order of the paths; labels are ``unknown``.

    Files of any name are looked at, up to their pixels. The id is the SOP instance UID, the
    region ``BodyPartExamined`` in lower case, the patient ``PatientID``, after its issuer
    and a slash where one is named; the age that from the dates of birth and study, else that of
    ``PatientAge``. What contradicts itself stays empty, with a note. Objects with several frames
    are left out.

    Raises:
        SourceError: the folder is missing or holds no DICOM image.
    """
    folder = read_folder(root, SOURCE)
    lost, taken = list(folder.lost), set[str]()
    for name, path in sorted({**folder.images, **folder.others}.items()):
        item = _read_file(name, path, options)
        if isinstance(item, Dropped):
            lost.append(item)
        elif item.id in taken:
            lost.append(Dropped(name, "DICOM objects whose UID occurred before"))
        else:
            taken.add(item.id)
            yield item
    if not taken:
        raise SOURCE.missing(f"{root}: every image")
    yield from lost


def _read_file(name: str, path: Path, options: Options) -> Record | Dropped:
    try:
        dataset, is_dicom = _parse_header(path)
    except OSError:
        return Dropped(name, "files that cannot be read")
    if dataset is None or (is_dicom and not dataset and not dataset.file_meta):
        return Dropped(name, "damaged DICOM files" if is_dicom else "files that are not DICOM")
    rows, columns = _number(dataset, "Rows"), _number(dataset, "Columns")
    if not rows or not columns:
        known = is_dicom or "SOPInstanceUID" in dataset
        return Dropped(
            name, "DICOM objects without an image" if known else "files that are not DICOM"
        )
    if (_number(dataset, "NumberOfFrames") or 1) > 1:
        return Dropped(name, "DICOM objects with several frames")
    regions, view = _texts(dataset, "BodyPartExamined"), _one(dataset, "ViewPosition")
    patient, issuer = _text(dataset, "PatientID"), _text(dataset, "IssuerOfPatientID")
    subject = read_subject(
        _one(dataset, "PatientAge"),
        _one(dataset, "PatientBirthDate"),
        _one(dataset, "StudyDate"),
        parts=(),
    )
    side, of_side = _side(dataset)
    notes = [*subject.warnings, *of_side]
    if len(regions) > 1:
        notes.append(f"BodyPartExamined has several values, {', '.join(regions)}; left empty")
    return Record(
        id=f"{options.name}/{_text(dataset, 'SOPInstanceUID') or name}",
        path=path,
        source=options.name,
        label="unknown",
        licence=options.licence,
        patient="/".join(filter(None, (issuer, patient))) if patient else None,
        study=_text(dataset, "StudyInstanceUID") or None,
        regions=tuple(map(tidy, regions)) if len(regions) == 1 else (),
        views=(find_view(view),) if view else (),
        laterality=side,
        age=None if subject.age is None else round(subject.age, 2),
        sex=find_sex(_one(dataset, "PatientSex")),
        modality=_text(dataset, "Modality") or None,
        width=columns,
        height=rows,
        bits=_number(dataset, "BitsStored"),
        format="DICOM",
        notes=tuple(notes),
    )


def _parse_header(path: Path) -> tuple[Dataset | None, bool]:
    """The header, if it can be parsed, and whether the file is marked as DICOM (PS3.10, 7.1).

    Headers that do not fit into the file's first part are rare, so that is tried first.
    """
    from fractura.imaging.dicom_file.parse import parse

    dataset = None
    with path.open("rb") as file:
        data = file.read(_START_BYTES)
        is_dicom = data[128:132] == b"DICM"
        with suppress(LoadError):
            dataset = parse(data, KEYWORDS)
        if is_dicom and (dataset is None or "Rows" not in dataset):
            with suppress(LoadError):
                dataset = parse(data + file.read(MAX_FILE_BYTES), KEYWORDS)
    return dataset, is_dicom


def _text(dataset: Dataset, keyword: str) -> str:
    """An attribute as text, empty where it is absent or not well formed."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom raises many types on damaged elements
        return ""
    return "" if value is None else str(value).replace("\0", "").strip()


def _number(dataset: Dataset, keyword: str) -> int | None:
    text = _text(dataset, keyword)
    return int(text) if text.isdecimal() else None


def _texts(dataset: Dataset, keyword: str) -> list[str]:
    """The different values of an attribute that may, rightly or not, have several."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom raises many types on damaged elements
        return []
    values = [value] if isinstance(value, str) else value if isinstance(value, Iterable) else []
    parts = [part for one in values for part in str(one).split("\\")]
    return list(dict.fromkeys(filter(None, (part.replace("\0", "").strip() for part in parts))))


def _one(dataset: Dataset, keyword: str) -> str:
    """The only value of an attribute, empty where there are several."""
    values = _texts(dataset, keyword)
    return values[0] if len(values) == 1 else ""


def _side(dataset: Dataset) -> tuple[Laterality | None, list[str]]:
    """The side by ``ImageLaterality`` and ``Laterality``, and a note where they contradict."""
    said = [find_side(_one(dataset, name)) for name in ("ImageLaterality", "Laterality")]
    if None not in said and said[0] != said[1]:
        return None, ["ImageLaterality and Laterality contradict each other; the side is left out"]
    return said[0] or said[1], []


SOURCE = Source(
    name="dicom",
    title="Folders of DICOM files (PS3.10), read from their headers",
    address="",
    licence=None,
    size="",
    layout="DICOM image files in any folders",
    read=read,
)
