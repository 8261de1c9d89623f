"""A stored reading as a DICOM object."""

from __future__ import annotations

from datetime import datetime

from fractura.dicom.results.common import ReadImage, to_bytes
from fractura.dicom.results.make import MAKERS
from fractura.dicom.results.source import read_source
from fractura.errors import ModelError
from fractura.findings import Reading
from fractura.imaging.load import load_bytes
from fractura.reading.reader import Reader
from fractura.service.settings import ResultKind


def dicom_result(
    data: bytes,
    frame: int | None,
    reader: Reader,
    reading: Reading,
    made: datetime,
    kind: ResultKind,
) -> bytes:
    """Structured report, presentation state or secondary capture as a file (PS3.10).

    The image is decoded but not read again. The same arguments give the same bytes.

    Args:
        kind: ``"sr"``, ``"gsps"`` or ``"sc"``.

    The other arguments and the errors are those of :func:`image_as_read`.
    """
    return result_of(image_as_read(data, frame, reader, reading, made), kind)


def result_of(image: ReadImage, kind: ResultKind) -> bytes:
    """One kind of result as a file (PS3.10); the same arguments give the same bytes."""
    return to_bytes(MAKERS[kind.upper()](image))


def image_as_read(
    data: bytes, frame: int | None, reader: Reader, reading: Reading, made: datetime
) -> ReadImage:
    """What all kinds of results are made of; the image is decoded here.

    Args:
        data: the DICOM file that was read.
        frame: which frame of it, from 1, where it holds several.
        reader: the one that read, for what its model says of itself.
        reading: what it said.
        made: when it read, with its time zone.

    Raises:
        LoadError: ``data`` is no DICOM radiograph to which a result can refer, or is damaged.
        ModelError: another model has read; its identifiers would stand in the result.
        FracturaError: highdicom is not installed.
    """
    model = reader.description
    if reading.model != f"{model.name} {model.version}":
        raise ModelError(
            f"the reading was made by {reading.model}, not by {model.name} {model.version}; "
            "serve that model to make its results, or read the image again"
        )
    source = read_source(data, name="the image", frame=frame)
    return ReadImage(source, load_bytes(data, frame=source.frame), reading, model, made)
