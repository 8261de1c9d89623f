"""Decode a DICOM image file to grey pixels."""

from __future__ import annotations

from fractura.imaging.dicom_file.display import to_pixels
from fractura.imaging.dicom_file.header import KEYWORDS, read_header
from fractura.imaging.dicom_file.parse import parse
from fractura.imaging.dicom_file.pixels import decode_frame
from fractura.imaging.dicom_file.polarity import DOUBTFUL, made_bright
from fractura.imaging.frames import choose_frame
from fractura.imaging.grey import Decoded


def decode(data: bytes, frame: int | None) -> Decoded:
    """Decode the one frame, or the frame numbered ``frame`` from 1, of a DICOM file.

    Raises:
        LoadError: as :func:`fractura.imaging.load.load`.
    """
    dataset = parse(data, KEYWORDS)
    header = read_header(dataset)
    index = choose_frame(frame, header.frames)
    samples, notes = decode_frame(dataset, header, index)
    pixels, more_notes = to_pixels(samples, header)
    pixels, polarity = made_bright(pixels, header)
    warnings = (*header.warnings, *notes, *more_notes, *polarity)
    return Decoded(
        pixels,
        header.bits_stored,
        header.spacing_mm,
        warnings,
        header.subject.age,
        header.subject.body_part,
        polarity_doubtful=any(warning in DOUBTFUL for warning in polarity),
    )
