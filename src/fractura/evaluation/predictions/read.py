"""Read what a model or another system said, in whatever form it comes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from fractura.datasets.record import Record
from fractura.datasets.target import FRACTURE
from fractura.errors import FracturaError
from fractura.evaluation.predictions.coco import read_coco
from fractura.evaluation.predictions.gather import Predictions
from fractura.evaluation.predictions.jsonl import read_jsonl
from fractura.evaluation.predictions.table import read_table
from fractura.evaluation.predictions.yolo import read_yolo

__all__ = ["Predictions", "read_predictions_of"]

_HEAD_BYTES = 1 << 20
_FORMS = (
    "readings.jsonl of fractura detect, a CSV of probabilities, COCO results (JSON), or a folder "
    "of YOLO's text files"
)


def read_predictions_of(
    source: Path, records: Sequence[Record], *, looked_for: str = FRACTURE
) -> Predictions:
    """Put answers beside the records that they speak of.

    The form is told by the content: ``readings.jsonl`` of ``fractura detect --json`` or
    ``predict --json`` (:mod:`.jsonl`), a table of probabilities (:mod:`.table`), COCO results
    (:mod:`.coco`), a folder of YOLO's text files with confidences (:mod:`.yolo`), or a folder
    with ``readings.jsonl`` or ``predictions.csv``.

    Args:
        source: the file or folder.
        records: of the split; each needs an answer.
        looked_for: ``"fracture"``, or ``"abnormal"``: whether anything is.

    Raises:
        FracturaError: there is no such file, it is in none of these forms, something in it is
            wrong (says which line, and what to do), or no answer belongs to a record.
    """
    if source.is_dir():
        for name in ("readings.jsonl", "predictions.csv"):
            if (source / name).is_file():
                return read_predictions_of(source / name, records, looked_for=looked_for)
        return read_yolo(source, records, looked_for)
    try:
        with source.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise FracturaError(f"{source}: it cannot be read ({error.strerror})") from error
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start or b"\0" in head:
        content = "holds no text" if start else "is empty"
        raise FracturaError(f"{source} {content}; give {_FORMS}")
    if start.startswith(b"{") and _is_one_line(start):
        return read_jsonl(source, records, looked_for)
    if start.startswith((b"[", b"{")):
        return read_coco(source, records, looked_for)
    return read_table(source, records, looked_for)


def _is_one_line(start: bytes) -> bool:
    """Whether the text begins with an object on a line of its own that is no COCO document."""
    try:
        found = json.loads(start.splitlines()[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and not found.keys() & {"images", "annotations", "categories"}
