"""Predictions in a table: CSV with a column of names and one of probabilities, or of boxes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fractura.datasets.record import Record
from fractura.datasets.sources.words import squeeze
from fractura.errors import FracturaError
from fractura.evaluation.predictions.classes import find_column
from fractura.evaluation.predictions.errors import PredictionError
from fractura.evaluation.predictions.gather import UNKNOWN, Gathering, Predictions
from fractura.spreadsheet import unprotected

_NAMES = ("id", "path", "filepath", "imagepath", "imageid", "filename", "file", "image", "name")
_PROBABILITIES = (
    *("probability", "prob", "proba", "p", "score", "confidence", "conf"),
    *("prediction", "pred", "yscore", "yprob", "ypred"),
)
_BOX_SCORES = ("score", "confidence", "conf")
_CORNERS = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)


@dataclass(frozen=True)
class _Columns:
    """Places of the columns in a line; ``None`` where there is none."""

    name: int
    probability: int | None
    corners: tuple[int, ...] | None
    box_score: int | None
    decision: int | None
    region: int | None
    digest: int | None
    model: int | None
    error: int | None


def read_table(path: Path, records: Sequence[Record], looked_for: str) -> Predictions:
    """A line an image, or several with the columns of a box.

    A column called id, path, file, image or the like names the image; one called probability,
    score, or like what is looked for holds its probability. With the columns x_min, y_min, x_max,
    y_max and score, a line is a box, or an image without one where they are empty; then the
    probability may be missing and is that of the best box. Fields end at commas, semicolons or
    tabs; an apostrophe that keeps a cell from being a formula is no part of it. ``decision``,
    ``region``, ``model``, ``sha256`` and ``error`` are read as in ``readings.csv``.

    Raises:
        FracturaError: the file cannot be read, a column is missing or may be either of two, a
            number is none or out of range, or two lines answer for one image.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=_delimiter(first))
            lines = ([unprotected(cell) for cell in line] for line in reader)
            return _read(path, lines, records, looked_for)
    except OSError as error:
        raise FracturaError(f"{path}: it cannot be read ({error.strerror})") from error
    except csv.Error as error:
        raise FracturaError(f"{path}: it is no table of values ({error})") from error


def _read(
    path: Path, lines: Iterator[list[str]], records: Sequence[Record], looked_for: str
) -> Predictions:
    gathering = Gathering(str(path), records, looked_for)
    try:
        head = next(lines, [])
        columns = _find(head, looked_for, gathering.notes)
    except PredictionError as problem:
        raise FracturaError(f"{path}: {problem}") from None
    table = _Table(gathering, columns)
    for number, cells in enumerate(lines, 2):
        if not any(cells):
            continue
        try:
            if len(cells) != len(head):
                raise PredictionError(f"it has {len(cells)} fields, and the head has {len(head)}")
            table.add(cells, number)
        except PredictionError as problem:
            raise FracturaError(f"{path}, line {number}: {problem}") from None
    if table.failed:
        gathering.notes.append(
            f"{table.failed:,} images could not be read, the first because: {table.failure}"
        )
    return gathering.finish(table.model or path.stem, draws_boxes=columns.corners is not None)


class _Table:
    """Takes line after line."""

    def __init__(self, gathering: Gathering, columns: _Columns) -> None:
        self._gathering, self._columns = gathering, columns
        self._answers: dict[str, int] = {}
        self.failed = 0
        self.failure = ""
        self.model = ""

    def add(self, cells: Sequence[str], number: int) -> None:
        columns, gathering = self._columns, self._gathering
        if failure := _cell(cells, columns.error):
            self.failed += 1
            self.failure = self.failure or failure
            return
        model = _cell(cells, columns.model)
        if self.model and model != self.model:
            raise PredictionError(
                f"it is of {model}, those before of {self.model}; keep one model's"
            )
        self.model = model
        name = cells[columns.name]
        said = None if columns.probability is None else _number(cells[columns.probability])
        boxed = columns.corners is not None
        answer = self._answers.get(name) if boxed else None
        again = answer is not None
        if answer is None:
            answer = gathering.begin(name, number, _cell(cells, columns.digest) or None)
            if boxed:
                self._answers[name] = answer
        if said is not None:
            if again and answer != UNKNOWN and gathering.probability(answer) != said:
                raise PredictionError(f"{name} has another probability than in a line before")
            decision = _cell(cells, columns.decision) or None
            gathering.say(answer, said, decision, _cell(cells, columns.region) or None)
        if columns.corners is not None and columns.box_score is not None:
            box = [cells[place].strip() for place in (*columns.corners, columns.box_score)]
            if any(box):
                *corners, score = map(_number, box)
                gathering.box(answer, corners, score)


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def _find(head: Sequence[str], looked_for: str, notes: list[str]) -> _Columns:
    plain = [squeeze(column) for column in head]

    def place(*words: str) -> int | None:
        return next((plain.index(word) for word in words if word in plain), None)

    name = place(*_NAMES)
    if name is None:
        raise PredictionError(
            f"no column names the image, only {_listed(head)}; call one id, path or file"
        )
    corners = next(
        (
            tuple(plain.index(word) for word in words)
            for words in _CORNERS
            if all(word in plain for word in words)
        ),
        None,
    )
    box_score = place(*_BOX_SCORES) if corners else None
    if corners and box_score is None:
        corners = None
        notes.append("the boxes have no score and are left out; add a column score for each box")
    named = find_column(head, looked_for)
    general = [head[plain.index(word)] for word in _PROBABILITIES if word in plain]
    if box_score is not None:
        general = [column for column in general if column != head[box_score]]
    found = [*([named] if named else []), *general]
    if len(found) > 1:
        raise PredictionError(
            f"{found[0]!r} and {found[1]!r} may both hold the probability; remove or rename the "
            "one that does not"
        )
    if not found and corners is None:
        raise PredictionError(
            f"no column holds the probability of {looked_for}, only {_listed(head)}; "
            f"call it probability or {looked_for}"
        )
    return _Columns(
        name=name,
        probability=head.index(found[0]) if found else None,
        corners=corners,
        box_score=box_score,
        decision=place("decision"),
        region=place("region"),
        digest=place("sha256"),
        model=place("model"),
        error=place("error"),
    )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns)) or "none"


def _cell(cells: Sequence[str], place: int | None) -> str:
    return "" if place is None else cells[place]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        pass
    if not cell.strip():
        raise PredictionError(
            "a number is missing; leave out the lines of images that were not read"
        )
    raise PredictionError(f"{cell!r} is no number; write decimals with a point")
