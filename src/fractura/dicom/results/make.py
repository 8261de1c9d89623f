"""From a DICOM file to its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from pydicom import Dataset

from fractura.dicom.results import presentation_state, secondary_capture, structured_report
from fractura.dicom.results.common import ReadImage
from fractura.dicom.results.source import SourceImage
from fractura.imaging.load import load_bytes
from fractura.reading.reader import Reader

MAKERS: Mapping[str, Callable[[ReadImage], Dataset]] = {
    structured_report.KIND: structured_report.structured_report,
    presentation_state.KIND: presentation_state.presentation_state,
    secondary_capture.KIND: secondary_capture.secondary_capture,
}
"""What makes each kind of result."""


def read_image(
    reader: Reader, data: bytes, source: SourceImage, *, name: str, made: datetime
) -> ReadImage:
    """Read the radiograph of a file whose header is known.

    Args:
        reader: the model.
        data: the file.
        source: from :func:`fractura.dicom.results.source.read_source` of the same file.
        name: stands in messages and as the reading's path.
        made: when, in local time.

    Raises:
        LoadError: its pixel data cannot be read.
    """
    radiograph = load_bytes(data, name=name, frame=source.frame)
    return ReadImage(source, radiograph, reader.read(radiograph), reader.description, made)
