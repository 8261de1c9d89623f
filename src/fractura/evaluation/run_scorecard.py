"""Everything measured of one training run, as one JSON file that ``fractura compare`` reads.

::

    {"schema": 1, "model": "resnet18", "task": "region", "kind": "classification",
     "classes": ["elbow", "hand", …],
     "cost": {the fields of Cost}, "provenance": {the fields of Provenance but model},
     "splits": {"valid": {
        "cases": 348, "clusters": 201, "cases_sha256": "…",
        "interval": "95 %, cluster bootstrap, 2000 samples", "main": "accuracy",
        "figures": {"accuracy": {"value": 0.91, "low": 0.87, "high": 0.94, "n": 348}, …},
        "classes": {"elbow": {"n": 29, "sensitivity": {…}, …}, …},
        "confusion": [[27, 2, …], …],
        "baseline": {"class": "hand", "figures": {…}}}}}

``classes``, ``confusion`` and ``baseline`` of a split are those of classifications; detections
have ``fractured`` and ``boxes``, their numbers. A figure that is undefined is ``null``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractura.atomic_write import write_whole
from fractura.errors import FracturaError
from fractura.evaluation import confusion
from fractura.evaluation.classification import THRESHOLD, check_cases, classification_figures
from fractura.evaluation.detection import Matches
from fractura.evaluation.interval import Figure, bootstrap_all, json_figure
from fractura.evaluation.predictions.run_table import RunPredictions, run_predictions
from fractura.evaluation.ranked_boxes import RankedBoxes
from fractura.evaluation.ranking import Ranking

SCHEMA = 1
SCORECARD = "scorecard.json"
"""Name of the file in a run folder."""
FALSE_BOXES = (0.05, 0.1, 0.25, 0.5, 1, 2)
"""False boxes an image at which the sensitivity for boxes is told."""

_MAIN = {"binary-fracture": "auroc", "abnormality": "auroc"}


@dataclass(frozen=True)
class Cost:
    """What the model costs; ``None`` where it was not measured or is not known.

    Attributes:
        parameters: of the network.
        latency_ms: median time of one image on the CPU, in milliseconds.
        threads: that it was measured with.
        training_seconds: in training steps, validation left out.
        epochs: trained.
        images_per_second: in training.
        input_side: of the square of input, or its longer side, in pixels.
        started_from: the pretrained weights, or ``none``.
    """

    parameters: int | None
    latency_ms: float | None
    threads: int | None
    training_seconds: float | None
    epochs: int | None
    images_per_second: float | None
    input_side: int | None
    started_from: str


@dataclass(frozen=True)
class Provenance:
    """Where the model comes from.

    Attributes:
        model: name of the architecture.
        recipe: name of the recipe.
        manifest_hash: content hash of the manifest.
        seed: of the run; ``None`` if not known.
        versions: of the libraries, by name.
        revision: of the source code.
        date: when it was trained, ISO 8601.
    """

    model: str
    recipe: str
    manifest_hash: str
    seed: int | None
    versions: Mapping[str, str]
    revision: str | None
    date: str


def classification_scorecard(
    ids: Sequence[str],
    clusters: Sequence[Any] | NDArray[Any],
    probabilities: NDArray[np.floating],
    truth: NDArray[np.integer],
    classes: Sequence[str],
    *,
    task: str,
    split: str,
    cost: Cost,
    provenance: Provenance,
    samples: int = 2000,
) -> dict[str, Any]:
    """A scorecard with one split; :func:`joined` puts several together.

    Args:
        ids, clusters, probabilities, truth, classes: see
            :func:`fractura.evaluation.classification.classification_figures`.
        task: of the recipe.
        split: name of the cases' split.
        cost: of the model.
        provenance: of the model.
        samples: bootstrap samples.

    Raises:
        FracturaError: see ``classification_figures``.
    """
    said = run_predictions(ids, list(clusters), truth, probabilities, classes)
    content = class_content(said, task, samples=samples)
    return document(task, "classification", classes, split, content, cost, provenance)


def class_content(said: RunPredictions, task: str, *, samples: int = 2000) -> dict[str, Any]:
    """What a split of a scorecard holds of class probabilities.

    Raises:
        FracturaError: see ``classification_figures``.
    """
    found = classification_figures(
        said.ids, said.clusters, said.probabilities, said.truth, said.classes, samples=samples
    )
    in_class = found.matrix.sum(1).tolist()
    labels = [said.classes[index] for index in said.truth]
    return {
        **head(said.ids, said.clusters, labels, samples),
        "main": _MAIN.get(task, "accuracy"),
        "figures": _figures(found.figures),
        "classes": {
            name: {"n": n, **_figures(figures)}
            for n, (name, figures) in zip(in_class, found.classes.items(), strict=True)
        },
        "confusion": found.matrix.tolist(),
        "baseline": {"class": found.baseline_class, "figures": _figures(found.baseline)},
    }


def detection_scorecard(
    ids: Sequence[str],
    clusters: Sequence[Any] | NDArray[Any],
    image_scores: NDArray[np.floating],
    fractured: NDArray[np.bool_],
    matches: Mapping[float, Sequence[Matches]],
    *,
    task: str,
    split: str,
    cost: Cost,
    provenance: Provenance,
    samples: int = 2000,
) -> dict[str, Any]:
    """A scorecard with one split of boxes and image probabilities.

    Args:
        ids: of the images, ``[n]``.
        clusters: what each image is drawn together with, ``[n]``; see ``scorecard.cluster``.
        image_scores: calibrated probability that the image shows a fracture, ``[n]``.
        fractured: ``[n]``.
        matches: by the least overlap that counts, one for each image: ``detection.match``. 0.5
            must be there; with several, ``ap50_95`` is the mean average precision over them.
        task: of the recipe.
        split: name of the images' split.
        cost: of the model.
        provenance: of the model.
        samples: bootstrap samples.

    Raises:
        FracturaError: there is no image, the sizes differ, an id comes twice, a score is not a
            number in 0..1, or there are no matches at 0.5 or not of the same boxes.
    """
    check_cases(ids, clusters, fractured)
    scores = np.asarray(image_scores, dtype=np.float64)
    positive = np.asarray(fractured, dtype=bool)
    if scores.shape != positive.shape or any(len(one) != len(ids) for one in matches.values()):
        raise FracturaError(f"scores and matches do not fit {len(ids)} images; give one for each")
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        first = int(wrong.argmax())
        raise FracturaError(f"the score of {ids[first]} is {scores[first]}, no number in 0..1")
    if 0.5 not in matches:
        raise FracturaError("boxes were not matched at an overlap of 0.5; match them there too")
    ranking = Ranking(scores, positive)
    pool = RankedBoxes.of(matches)
    called = (scores >= THRESHOLD).astype(np.int64)
    cells = confusion.cells(positive.astype(np.int64), called, 2)
    rates = [_rate(rate) for rate in FALSE_BOXES]

    def measure(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        auroc, average_precision = ranking.measure(counts)
        matrix = (counts @ cells).reshape(-1, 2, 2)
        boxed = pool.average_precision(counts)
        found = {
            "ap50": boxed[0.5],
            "ap50_fractured_only": pool.average_precision(counts * positive, (0.5,))[0.5],
            "auroc": auroc,
            "average_precision": average_precision,
            "accuracy": confusion.accuracy(matrix),
            "sensitivity": confusion.sensitivities(matrix)[:, 1],
            "specificity": confusion.specificities(matrix)[:, 1],
        }
        if len(matches) > 1:
            found["ap50_95"] = np.mean(list(boxed.values()), axis=0)
        curve = pool.sensitivity_at(counts, FALSE_BOXES, 0.5)
        return found | dict(zip(rates, curve.T, strict=True))

    boxes = sum(one.truths for one in matches[0.5])
    estimates = bootstrap_all(measure, np.asarray(clusters), samples=samples)
    resting = dict.fromkeys(estimates, len(ids)) | dict.fromkeys(rates, boxes)
    resting |= {
        "ap50_fractured_only": int(positive.sum()),
        "sensitivity": int(positive.sum()),
        "specificity": int((~positive).sum()),
    }
    figures = {
        name: Figure(one.value, one.low, one.high, resting[name]) for name, one in estimates.items()
    }
    classes = ("no fracture", "fracture")
    labels = [
        f"{classes[int(one)]} {matched.truths}"
        for one, matched in zip(positive, matches[0.5], strict=True)
    ]
    content = {
        **head(ids, clusters, labels, samples),
        "fractured": int(positive.sum()),
        "boxes": boxes,
        "main": "ap50",
        "figures": _figures(figures),
    }
    return document(task, "detection", classes, split, content, cost, provenance)


def joined(scorecards: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One scorecard with all splits of several of the same run.

    Raises:
        FracturaError: there is none, or they are of different runs.
    """
    first, *others = [dict(one) for one in scorecards] or [{}]
    if not first:
        raise FracturaError("there is no scorecard to join")
    head = {key: value for key, value in first.items() if key != "splits"}
    splits = dict(first["splits"])
    for other in others:
        if {key: value for key, value in other.items() if key != "splits"} != head:
            raise FracturaError("scorecards of different runs cannot become one")
        splits |= other["splits"]
    return {**head, "splits": splits}


def write_scorecard(path: Path, scorecard: Mapping[str, Any]) -> None:
    """Write a scorecard, whole or not at all.

    Raises:
        SaveError: it cannot be written.
    """
    text = json.dumps(scorecard, indent=1, ensure_ascii=False, allow_nan=False)
    write_whole(path, text.encode() + b"\n")


def read_scorecard(path: Path) -> dict[str, Any]:
    """Read a scorecard.

    Args:
        path: the file, or the run folder that holds it.

    Raises:
        FracturaError: there is none, it is of another schema, or a part of it is missing or
            wrong; says which.
    """
    file = path / SCORECARD if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise FracturaError(f"{path} holds no {SCORECARD}; give a run that has come to its end")
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FracturaError(f"{file} is not a readable scorecard: {error}") from error
    problem = _problem(content)
    if problem:
        raise FracturaError(f"{file} is not a valid scorecard: {problem}")
    return dict(content)


_NUMBER = (int, float)
_COST: dict[str, tuple[type, ...]] = {
    "parameters": (int, type(None)),
    "latency_ms": (*_NUMBER, type(None)),
    "threads": (int, type(None)),
    "training_seconds": (*_NUMBER, type(None)),
    "epochs": (int, type(None)),
    "images_per_second": (*_NUMBER, type(None)),
    "input_side": (int, type(None)),
    "started_from": (str,),
}
_PROVENANCE: dict[str, tuple[type, ...]] = {
    "recipe": (str,),
    "manifest_hash": (str,),
    "seed": (int, type(None)),
    "versions": (dict,),
    "revision": (str, type(None)),
    "date": (str,),
}
_DOCUMENT: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "task": (str,),
    "kind": (str,),
    "classes": (list,),
    "cost": (dict,),
    "provenance": (dict,),
    "splits": (dict,),
}
_SPLIT: dict[str, tuple[type, ...]] = {
    "cases": (int,),
    "clusters": (int,),
    "cases_sha256": (str,),
    "interval": (str,),
    "main": (str,),
    "figures": (dict,),
}
_CLASSIFIED: dict[str, tuple[type, ...]] = {
    "classes": (dict,),
    "confusion": (list,),
    "baseline": (dict,),
}


def _problem(content: Any) -> str | None:
    if not isinstance(content, dict) or "schema" not in content:
        return "it has no schema; fractura train writes scorecards"
    if content["schema"] != SCHEMA:
        return f"its schema is {content['schema']!r}, and this version reads {SCHEMA}"
    problem = (
        _fields(content, _DOCUMENT, "")
        or _fields(content["cost"], _COST, "cost.")
        or _fields(content["provenance"], _PROVENANCE, "provenance.")
    )
    if problem:
        return problem
    if content["kind"] not in ("classification", "detection"):
        return f"kind is {content['kind']!r}, not classification or detection"
    for name, split in content["splits"].items():
        problem = _split_problem(split, f"splits.{name}", content)
        if problem:
            return problem
    return None


def _split_problem(split: Any, place: str, content: Mapping[str, Any]) -> str | None:
    if not isinstance(split, dict):
        return f"{place} is not an object"
    classified = content["kind"] == "classification"
    problem = _fields(split, _SPLIT | (_CLASSIFIED if classified else {}), f"{place}.")
    if problem:
        return problem
    for name, figure in split["figures"].items():
        if not _is_figure(figure):
            return f"{place}.figures.{name} lacks a number among value, low, high and n"
    if split["main"] not in split["figures"]:
        return f"{place}.figures lacks {split['main']}, which {place}.main names"
    count = len(content["classes"])
    if classified and [len(row) for row in split["confusion"]] != [count] * count:
        return f"{place}.confusion is not {count} by {count}"
    return None


def _fields(content: Mapping[str, Any], types: Mapping[str, Any], place: str) -> str | None:
    for name, kinds in types.items():
        if name not in content:
            return f"{place}{name} is missing"
        if not isinstance(content[name], kinds) or isinstance(content[name], bool):
            return f"{place}{name} is {content[name]!r:.60}"
    return None


def _is_figure(figure: Any) -> bool:
    return (
        isinstance(figure, dict)
        and isinstance(figure.get("n"), int)
        and all(
            key in figure and isinstance(figure[key], (*_NUMBER, type(None)))
            for key in ("value", "low", "high")
        )
    )


def head(
    ids: Sequence[str],
    clusters: Sequence[Any] | NDArray[Any],
    labels: Sequence[str],
    samples: int,
) -> dict[str, Any]:
    """What a split's part begins with: how many cases, a hash of them and their labels."""
    pairs = sorted(zip(ids, labels, strict=True))
    digest = hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return {
        "cases": len(ids),
        "clusters": len(np.unique(np.asarray(clusters))),
        "cases_sha256": digest.hexdigest(),
        "interval": f"95 %, cluster bootstrap, {samples} samples",
    }


def document(
    task: str,
    kind: str,
    classes: Sequence[str],
    split: str,
    content: Mapping[str, Any],
    cost: Cost,
    provenance: Provenance,
) -> dict[str, Any]:
    """A scorecard with one split, which holds ``content``."""
    source = asdict(provenance)
    return {
        "schema": SCHEMA,
        "model": source.pop("model"),
        "task": task,
        "kind": kind,
        "classes": list(classes),
        "cost": asdict(cost),
        "provenance": source,
        "splits": {split: dict(content)},
    }


def _rate(rate: float) -> str:
    return f"sensitivity_at_{rate:g}"


def _figures(figures: Mapping[str, Figure]) -> dict[str, dict[str, float | int | None]]:
    return {name: json_figure(one) for name, one in figures.items()}
