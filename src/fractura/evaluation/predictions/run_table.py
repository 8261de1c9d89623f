"""What a model said of every case, as a table that others can read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.atomic_write import write_whole
from fractura.errors import FracturaError
from fractura.spreadsheet import unprotected, write_rows

PREDICTIONS = "predictions.csv"
"""Name of the file in a run folder."""
_HEAD = ["id", "split", "cluster", "truth"]


@dataclass(frozen=True)
class RunPredictions:
    """Predictions for the cases of one split, sorted by id.

    Attributes:
        ids: ``[n]``.
        clusters: what each case is drawn together with, ``[n]``; see ``scorecard.cluster``.
        truth: index of the class, ``[n]``.
        probabilities: ``[n, C]``.
        classes: names, ``[C]``.
    """

    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]


def run_predictions(
    ids: Sequence[str],
    clusters: Sequence[Any],
    truth: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
) -> RunPredictions:
    """Put cases in order; sizes as in :class:`RunPredictions`."""
    order = sorted(range(len(ids)), key=lambda index: ids[index])
    return RunPredictions(
        ids=tuple(ids[index] for index in order),
        clusters=tuple(str(clusters[index]) for index in order),
        truth=np.asarray(truth, dtype=np.int64)[order],
        probabilities=np.asarray(probabilities, dtype=np.float64)[order],
        classes=tuple(classes),
    )


def write_predictions(path: Path, splits: Mapping[str, RunPredictions]) -> None:
    """Write ``id,split,cluster,truth`` and a column of probabilities for each class.

    Args:
        path: of the file.
        splits: by name; all have the same classes.

    Raises:
        SaveError: it cannot be written.
    """
    text = io.StringIO()
    lines: list[list[str]] = [[*_HEAD, *next(iter(splits.values())).classes]]
    for split, found in splits.items():
        rows = zip(found.ids, found.clusters, found.truth, found.probabilities, strict=True)
        for name, cluster, truth, probabilities in rows:
            numbers = [repr(float(value)) for value in probabilities]
            lines.append([name, split, cluster, found.classes[truth], *numbers])
    write_rows(text, lines)
    write_whole(path, text.getvalue().encode("utf-8", "surrogatepass"))


def read_predictions(path: Path, split: str) -> RunPredictions | None:
    """Read the predictions of one split; ``None`` if the file has none of it.

    Raises:
        FracturaError: the file cannot be read, or a line of it is wrong; says which.
    """
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogatepass") as file:
            lines = [[unprotected(cell) for cell in line] for line in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FracturaError(f"{path} is not a readable table of predictions: {error}") from error
    head, *lines = lines or [[]]
    if head[: len(_HEAD)] != _HEAD or len(head) < len(_HEAD) + 2:
        raise FracturaError(
            f"{path} is not a table of predictions; its columns must be "
            f"{', '.join(_HEAD)} and one for each class"
        )
    classes = head[len(_HEAD) :]
    index = {name: number for number, name in enumerate(classes)}
    rows = []
    for number, line in enumerate(lines, start=2):
        try:
            name, of_split, cluster, truth, *values = line
            row = (name, cluster, index[truth], [float(value) for value in values])
        except (ValueError, KeyError) as error:
            raise FracturaError(f"line {number} of {path} is not a prediction: {line}") from error
        if len(values) != len(classes):
            raise FracturaError(f"line {number} of {path} has {len(values)} probabilities")
        if of_split == split:
            rows.append(row)
    if not rows:
        return None
    ids, clusters, truths, probabilities = zip(*rows, strict=True)
    return run_predictions(ids, clusters, np.array(truths), np.array(probabilities), classes)
