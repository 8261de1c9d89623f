"""Scorecards of runs: detections, the file and its checks, the table of predictions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation.cases import Cases
from fractura.evaluation.classes import class_split
from fractura.evaluation.detection import OVERLAPS, Matches, match, pooled_average_precision
from fractura.evaluation.predictions.run_table import (
    read_predictions,
    run_predictions,
    write_predictions,
)
from fractura.evaluation.ranked_boxes import RankedBoxes
from fractura.evaluation.scorecard import Cost, Provenance, Scorecard, Split
from fractura.evaluation.scorecard_file import read_scorecard, write_scorecard
from fractura.evaluation.sections import evaluate_cases
from tests.evaluation.boxed import boxed_cases

COST = Cost(11_000_000, 12.5, 1, 360.0, 8, None, 128, "none")
PROVENANCE = Provenance("resnet18", "region", "a1b2", 0, {"torch": "2.6"}, None, "2026-01-02")


def drawn(seed: int, images: int = 30) -> list[tuple[NDArray, NDArray, NDArray]]:
    """Boxes, their scores and the true boxes of each image."""
    random = np.random.default_rng(seed)
    found = []
    for image in range(images):
        corner = random.uniform(0, 60, (image % 3, 2))
        truth = np.concatenate([corner, corner + random.uniform(10, 30, corner.shape)], 1)
        near = truth + random.normal(0, 2, truth.shape)
        extra = random.uniform(0, 60, (int(random.integers(0, 4)), 2))
        boxes = np.concatenate([near, np.concatenate([extra, extra + 15], 1)])
        found.append((boxes, random.random(len(boxes)), truth))
    return found


def found(seed: int, images: int = 30) -> dict[float, list[Matches]]:
    return {
        overlap: [
            match(boxes, np.round(scores, 1), truth, overlap)
            for boxes, scores, truth in drawn(seed, images)
        ]
        for overlap in (0.5, 0.75)
    }


def card(split: Split, name: str = "valid", **changes: Any) -> Scorecard:
    fields = {"model": "resnet18", "task": "region", "kind": "classification"}
    parts = {"cost": COST, "provenance": PROVENANCE, "splits": {name: split}}
    return Scorecard(**{**fields, "classes": ["a", "b", "c"], **parts, **changes})


def classified(split: str, seed: int = 0) -> Scorecard:
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.ones(3), 40)
    ids = [f"{split}-{number}" for number in range(40)]
    said = run_predictions(ids, ids, random.integers(0, 3, 40), p, ("a", "b", "c"))
    return card(class_split(said, "region", samples=20), split)


@pytest.mark.parametrize("seed", range(4))
def test_pooled_figures_of_counts_equal_those_of_a_list(seed: int) -> None:
    matches = found(seed)[0.5]
    counts = np.random.default_rng(seed).integers(0, 4, (5, len(matches))).astype(float)
    values = RankedBoxes.of({0.5: matches}).average_precision(counts)[0.5]
    for row, value in zip(counts, values, strict=True):
        assert value == pytest.approx(pooled_average_precision(matches, row.astype(int)))


def free_response(matches: list[Matches], counts: NDArray[np.float64], rate: float) -> float:
    """By definition: try every threshold."""
    times = counts.astype(int)
    scores = np.concatenate([np.tile(m.scores, n) for m, n in zip(matches, times, strict=True)])
    hits = np.concatenate([np.tile(m.hits, n) for m, n in zip(matches, times, strict=True)])
    truths = sum(m.truths * n for m, n in zip(matches, times, strict=True))
    best = 0
    for threshold in np.unique(scores):
        kept = scores >= threshold
        if (kept & ~hits).sum() <= rate * times.sum():
            best = max(best, int((kept & hits).sum()))
    return best / truths


@pytest.mark.parametrize("seed", range(4))
def test_the_free_response_curve_equals_its_definition(seed: int) -> None:
    matches = found(seed)[0.5]
    counts = np.random.default_rng(seed).integers(0, 3, (3, len(matches))).astype(float)
    rates = (0.05, 0.25, 1, 2)
    values = RankedBoxes.of({0.5: matches}).sensitivity_at(counts, rates, 0.5)
    for row, curve in zip(counts, values, strict=True):
        expected = [free_response(matches, row, rate) for rate in rates]
        assert curve == pytest.approx(expected)


def test_a_pool_without_boxes() -> None:
    nothing = [Matches(np.zeros(0), np.zeros(0, bool), n) for n in (0, 2)]
    ones = np.ones((1, 2))
    pool, empty = RankedBoxes.of({0.5: nothing}), RankedBoxes.of({0.5: nothing[:1]})
    assert pool.average_precision(ones)[0.5] == [0]
    assert pool.sensitivity_at(ones, (1,), 0.5) == [[0]]
    assert np.isnan(empty.average_precision(ones[:, :1])[0.5])
    assert np.isnan(empty.sensitivity_at(ones[:, :1], (1,), 0.5))


def detected(seed: int, **changes: Any) -> Cases:
    images = drawn(seed)
    positive = np.arange(len(images)) % 3 > 0
    return replace(boxed_cases(images, positive, np.linspace(0, 1, len(images))), **changes)


def test_a_detection_scorecard_holds_every_figure() -> None:
    cases = detected(1)
    split = evaluate_cases(cases, samples=50)
    figures: Any = split.figures
    assert (split.cases, split.fractured, split.main) == (30, 20, "ap50")
    assert split.boxes == figures["sensitivity_at_0.5"]["n"] == 30
    matches = {
        overlap: [match(boxes, scores, truth, overlap) for boxes, scores, truth in drawn(1)]
        for overlap in OVERLAPS
    }
    at_50 = pooled_average_precision(matches[0.5])
    assert figures["ap50"]["value"] == pytest.approx(at_50)
    everywhere = np.mean([pooled_average_precision(one) for one in matches.values()])
    assert figures["ap50_95"]["value"] == pytest.approx(everywhere)
    alone = [m for m, number in zip(matches[0.5], range(30), strict=True) if number % 3]
    assert figures["ap50_fractured_only"]["value"] == pytest.approx(pooled_average_precision(alone))
    assert figures["ap50_fractured_only"]["n"] == 20
    rates = ("0.05", "0.1", "0.25", "0.5", "1", "2")
    curve = [figures[f"sensitivity_at_{rate}"]["value"] for rate in rates]
    assert curve == sorted(curve)
    assert figures["ap50"]["low"] <= at_50 <= figures["ap50"]["high"]


def test_what_is_not_evaluated_is_counted_and_every_figure_given_twice() -> None:
    decisions = np.array(["fracture", "no fracture", "uncertain"] * 10, dtype=object)
    told = detected(1, decisions=decisions.astype(str))
    split = evaluate_cases(told, samples=20)
    assert (split.not_evaluated, split.figures_of_evaluated) == (0, None)
    decisions[[0, 4, 5]] = "not evaluated"
    some = evaluate_cases(replace(told, decisions=decisions.astype(str)), samples=20)
    assert some.not_evaluated == 3
    assert some.figures == split.figures
    kept = told.of(np.array([index for index in range(30) if index not in (0, 4, 5)]))
    assert some.figures_of_evaluated == evaluate_cases(kept, samples=20).figures
    assert evaluate_cases(detected(1), samples=20).not_evaluated is None
    declined = replace(told, decisions=np.full(30, "not evaluated"))
    assert declined.flagged is not None
    assert not declined.flagged.any()
    shown = {entry["kind"] for entry in evaluate_cases(declined, samples=20).gallery or ()}
    assert not shown & {"missed fracture", "false alarm"}


def test_splits_of_a_run_are_joined_and_read_as_written(tmp_path: Path) -> None:
    whole = classified("test", 1).with_splits(classified("valid").splits)
    assert list(whole.splits) == ["valid", "test"]
    write_scorecard(tmp_path / "scorecard.json", whole)
    assert read_scorecard(tmp_path) == read_scorecard(tmp_path / "scorecard.json")
    assert read_scorecard(tmp_path).as_dict() == json.loads(json.dumps(whole.as_dict()))
    again = classified("valid", 2)
    assert again.with_splits(whole.splits).of("valid") == again.of("valid")
    with pytest.raises(FracturaError, match="no split fold in the scorecard; it has: valid, test"):
        whole.of("fold")


def test_the_hash_of_cases_tells_ids_and_labels_and_not_their_order() -> None:
    ids, p = ["x", "y", "z"], np.full((3, 2), 0.5)

    def digest(ids: list[str], truth: list[int]) -> str:
        said = run_predictions(ids, ids, np.array(truth), p, ("no", "yes"))
        return class_split(said, "abnormality", samples=2).cases_sha256

    assert digest(ids, [0, 1, 1]) == digest(["z", "x", "y"], [1, 0, 1])
    assert digest(ids, [0, 1, 1]) != digest(ids, [0, 1, 0])
    assert digest(ids, [0, 1, 1]) != digest(["x", "y", "w"], [0, 1, 1])


def test_undefined_figures_are_null_in_valid_json(tmp_path: Path) -> None:
    said = run_predictions(["x"], ["x"], np.array([0]), np.array([[0.9, 0.1]]), ("no", "yes"))
    split = class_split(said, "abnormality", samples=2)
    write_scorecard(tmp_path / "one.json", card(split, task="abnormality", classes=["no", "yes"]))
    figures = read_scorecard(tmp_path / "one.json").of("valid").figures
    assert figures["auroc"] == {"value": None, "low": None, "high": None, "n": 1}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda c: c.pop("schema"), "no schema"),
        (lambda c: c.update(schema=1), "schema is 1"),
        (lambda c: c["cost"].pop("latency_ms"), "cost.latency_ms is missing"),
        (lambda c: c["cost"].update(parameters="many"), "cost.parameters is 'many'"),
        (lambda c: c.update(kind="poem"), "kind is 'poem'"),
        (lambda c: c["splits"]["valid"].update(luck=1), "splits.valid.luck is no part"),
        (lambda c: c["splits"].update(valid=[]), "splits.valid is not an object"),
        (lambda c: c["splits"]["valid"].update(main="luck"), "lacks luck"),
        (lambda c: c["splits"]["valid"]["confusion"].pop(), "not 3 by 3"),
        (lambda c: c["splits"]["valid"]["figures"]["f1"].pop("low"), "figures.f1 lacks"),
    ],
)
def test_damaged_scorecards_are_refused(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    content = copy.deepcopy(classified("valid").as_dict())
    spoil(content)
    (tmp_path / "scorecard.json").write_text(json.dumps(content))
    with pytest.raises(FracturaError, match=sentence):
        read_scorecard(tmp_path)


def test_what_is_no_scorecard_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match="holds no scorecard"):
        read_scorecard(tmp_path)
    with pytest.raises(FracturaError, match="not a readable scorecard"):
        read_scorecard(tmp_path / "absent.json")
    (tmp_path / "text.json").write_bytes(b"\xff{")
    with pytest.raises(FracturaError, match="not a readable scorecard"):
        read_scorecard(tmp_path / "text.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(FracturaError, match="no schema"):
        read_scorecard(tmp_path / "list.json")


def test_predictions_are_read_as_written(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(3), 4).astype(np.float32)
    classes = ("hand", "a, quoted “class”", "c")
    ids, clusters = ["b", "a,1", "d\udcff", 'c"'], ["p1", "p1", "p2", "p3"]
    valid = run_predictions(ids, clusters, np.array([0, 1, 2, 1]), p, classes)
    test = run_predictions(["x"], [7], np.array([2]), p[:1], classes)
    write_predictions(tmp_path / "p.csv", {"valid": valid, "test": test})
    read = read_predictions(tmp_path / "p.csv", "valid")
    assert read is not None
    assert read.ids == valid.ids == tuple(sorted(ids))
    assert (read.clusters, read.classes) == (valid.clusters, classes)
    np.testing.assert_array_equal(read.truth, valid.truth)
    np.testing.assert_array_equal(read.probabilities, valid.probabilities)
    assert read_predictions(tmp_path / "p.csv", "train") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not a table of predictions"),
        ("id,truth,a,b\n", "its columns must be"),
        ("id,split,cluster,truth,a,b\nx,valid,p,c,0.5,0.5\n", "line 2"),
        ("id,split,cluster,truth,a,b\nx,valid,p,a,0.5,0.5\ny,valid,p,a,much,0.5\n", "line 3"),
        ("id,split,cluster,truth,a,b\nx,valid,p,a,1\n", "has 1 probabilities"),
    ],
)
def test_damaged_predictions_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(FracturaError, match=sentence):
        read_predictions(tmp_path / "p.csv", "valid")
