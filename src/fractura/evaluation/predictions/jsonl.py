"""Predictions in fractura's own form: one JSON object a line, as in ``readings.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fractura.datasets.record import Record
from fractura.datasets.target import FRACTURE
from fractura.errors import FracturaError
from fractura.evaluation.predictions.classes import find_column
from fractura.evaluation.predictions.errors import PredictionError
from fractura.evaluation.predictions.gather import Gathering, Predictions


def read_jsonl(path: Path, records: Sequence[Record], looked_for: str) -> Predictions:
    """Readings of ``fractura detect``, or classes of ``fractura predict --json``.

    Records are found by SHA-256 where both sides have one, else by path or file name. Lines with
    an ``error`` answer nothing. Make readings with ``--all-findings``, so that every box counts.

    Raises:
        FracturaError: the file cannot be read, a line is no reading, two lines answer for one
            record, or several models speak.
    """
    lines = Lines(str(path), records, looked_for)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    lines.add(_parse(path, number, line), number)
    except OSError as error:
        raise FracturaError(f"{path}: it cannot be read ({error.strerror})") from error
    return lines.finish()


def _parse(path: Path, number: int, line: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise FracturaError(f"{path}, line {number}: it is no JSON object; is the file whole?")
    return data


class Lines:
    """Gathers readings in their JSON form."""

    def __init__(self, source: str, records: Sequence[Record], looked_for: str) -> None:
        self._source = source
        self._gathering = Gathering(source, records, looked_for)
        self._model: str | None = None
        self._failed = self._refused = self._refused_with_boxes = 0
        self._failure = ""

    def add(self, data: Mapping[str, Any], number: int, record: int | None = None) -> None:
        """Take one line.

        Args:
            data: a reading's, a prediction's or a failure's JSON form.
            number: of the line, for messages.
            record: index of the record; by default it is looked for.

        Raises:
            FracturaError: the line is none of them, its record has an answer, or it is of
                another model than the lines before.
        """
        try:
            if "error" in data:
                self._failed += 1
                self._failure = self._failure or str(data["error"]["message"])
            else:
                self._add(data, number, record)
        except PredictionError as problem:
            raise FracturaError(f"{self._source}, line {number}: {problem}") from None
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise FracturaError(
                f"{self._source}, line {number}: it is no reading ({error!r}); "
                "write it as fractura detect --json does"
            ) from None

    def _add(self, data: Mapping[str, Any], number: int, record: int | None) -> None:
        model = str(data.get("model") or "unnamed model")
        if self._model not in (None, model):
            raise PredictionError(
                f"it is of {model}, those before of {self._model}; keep one model's"
            )
        self._model = model
        gathering = self._gathering
        name = data.get("path") or data["id"]
        if not isinstance(name, str):
            raise PredictionError(f"its path is {name!r}; give the image's path or id")
        if record is not None:
            answer = gathering.begin_record(record, name)
        else:
            answer = gathering.begin(name, number, data.get("sha256"))
        if "probabilities" in data:
            classes = data["probabilities"]
            wanted = find_column(list(classes), gathering.looked_for)
            if wanted is None:
                raise PredictionError(f"none of its classes is {gathering.looked_for}")
            gathering.say(answer, float(classes[wanted]))
            return
        if gathering.looked_for != FRACTURE:
            raise PredictionError("it tells of fractures alone; look for fractures")
        said, region = data["fracture"], data.get("region") or {}
        decision = said.get("decision")
        gathering.say(answer, float(said["probability"]), decision, region.get("label"))
        before = gathering.boxes
        findings = data.get("findings", ())
        if findings:
            gathering.check_size(answer, data.get("width"), data.get("height"))
        for finding in findings:
            if finding["label"] == FRACTURE:
                corners = [float(value) for value in finding["box"]]
                gathering.box(answer, corners, float(finding["score"]))
        if decision == "no fracture":
            self._refused += 1
            self._refused_with_boxes += gathering.boxes > before

    def finish(self) -> Predictions:
        """All of them; see :meth:`Gathering.finish`."""
        gathering = self._gathering
        if self._failed:
            gathering.notes.append(
                f"{self._failed:,} images could not be read, the first because: {self._failure}"
            )
        if gathering.boxes and self._refused and not self._refused_with_boxes:
            gathering.notes.append(
                "no reading without a fracture has a box, as if boxes had been left out; write "
                "readings with --all-findings for figures of boxes"
            )
        return gathering.finish(self._model or "unnamed model", draws_boxes=gathering.boxes > 0)
