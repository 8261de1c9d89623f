"""The section of boxes: against its definition tried one by one, and where little is defined."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.datasets.record import Record
from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.interval import bootstrap_counts
from fractura.evaluation.metrics.boxes import FALSE_BOXES, SIZES, detection
from tests.evaluation.coco_reference import coco_boxes, tools

WIDTH, HEIGHT = 320, 400
PRECISIONS = ("ap50", "ap75", "ap50_95")


def boxes_of(lists: list[list[tuple[float, ...]]]) -> Boxes:
    """From ``(x_min, y_min, x_max, y_max, score)`` of each case."""
    ranked = [sorted(one, key=lambda box: -box[4]) for one in lists]
    flat = np.array([box for one in ranked for box in one]).reshape(-1, 5)
    case = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    return Boxes(case, flat[:, :4], flat[:, 4])


def make_cases(
    truths: list[list[tuple[float, ...]]], found: list[list[tuple[float, ...]]]
) -> Cases:
    positive = np.array([len(one) > 0 for one in truths], dtype=bool)
    records = tuple(
        Record(
            id=f"set/{index:04}",
            path=Path(f"{index}.png"),
            source="set",
            label="fracture" if positive[index] else "no fracture",
            annotations=(),
            width=WIDTH,
            height=HEIGHT,
        )
        for index in range(len(truths))
    )
    return Cases(
        model="model",
        records=records,
        positive=positive,
        probability=np.full(len(truths), 0.5),
        clusters=np.arange(len(truths)),
        found=boxes_of(found),
        truths=boxes_of(truths),
    )


def random_cases(seed: int, images: int = 24, decimals: int = 2) -> Cases:
    random = np.random.default_rng(seed)
    truths: list[list[tuple[float, ...]]] = []
    found: list[list[tuple[float, ...]]] = []
    for _ in range(images):
        true: list[tuple[float, ...]] = []
        guesses: list[tuple[float, ...]] = []
        for _ in range(int(random.integers(0, 3))):
            x, y = random.uniform(0, 200, 2)
            width, height = np.exp(random.uniform(1.5, 4.5, 2))
            true.append((x, y, x + width, y + height, 1.0))
            for _ in range(int(random.integers(0, 3))):
                dx, dy = random.normal(0, 0.1, 2) * (width, height)
                score = float(np.round(random.random(), decimals))
                guesses.append((x + dx, y + dy, x + dx + width, y + dy + height, score))
        for _ in range(int(random.integers(0, 4))):
            x, y = random.uniform(0, 200, 2)
            score = float(np.round(random.random(), decimals))
            guesses.append((x, y, x + 30, y + 40, score))
        truths.append(true)
        found.append(guesses)
    return make_cases(truths, found)


def overlap(one: list[float], other: list[float]) -> float:
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def tried(cases: Cases, threshold: float, chosen: set[int]) -> tuple[set[int], int]:
    """True boxes hit and number of false boxes among the found ones from a threshold on."""
    assert cases.found is not None
    assert cases.truths is not None
    hit: set[int] = set()
    false = 0
    for index in np.argsort(-cases.found.scores, kind="stable"):
        case = int(cases.found.case[index])
        if case not in chosen or cases.found.scores[index] < threshold:
            continue
        box = cases.found.corners[index].tolist()
        free = [
            (overlap(box, cases.truths.corners[at].tolist()), at)
            for at in np.flatnonzero(cases.truths.case == case).tolist()
            if at not in hit
        ]
        best = max(free, default=(0.0, -1))
        if best[0] >= 0.5:
            hit.add(best[1])
        else:
            false += 1
    return hit, false


def value(section: dict[str, Any], name: str) -> float:
    return float(section["figures"][name]["value"])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), decimals=st.integers(1, 3))
def test_free_response_and_f1_equal_every_threshold_tried(seed: int, decimals: int) -> None:
    cases = random_cases(seed, 12, decimals)
    assert cases.found is not None
    assert cases.truths is not None
    if not len(cases.found) or not len(cases.truths):
        return
    section = detection(cases, samples=2)
    everything = set(range(len(cases)))
    shares = [
        (box[2] - box[0]) * (box[3] - box[1]) / (WIDTH * HEIGHT)
        for box in cases.truths.corners.tolist()
    ]
    best_f1 = 0.0
    for chosen, ending in (
        (everything, ""),
        (set(np.flatnonzero(cases.positive).tolist()), "_fractured_only"),
    ):
        outcomes = {t: tried(cases, t, chosen) for t in set(cases.found.scores.tolist())}
        for rate in FALSE_BOXES:
            allowed = [t for t, (_, false) in outcomes.items() if false <= rate * len(chosen)]
            hit = outcomes[min(allowed)][0] if allowed else set()
            assert value(section, f"sensitivity_at_{rate:g}{ending}") == pytest.approx(
                len(hit) / len(shares)
            )
            if rate == 0.5 and not ending:
                for size in section["sizes"]:
                    low, high = SIZES[size["name"]]
                    members = {at for at, share in enumerate(shares) if low <= share <= high}
                    found = size["figures"]["found_at_0.5"]["value"]
                    assert size["boxes"] == len(members)
                    assert found == (
                        pytest.approx(len(hit & members) / len(members)) if members else None
                    )
        if not ending:
            for hit, false in outcomes.values():
                best_f1 = max(best_f1, 2 * len(hit) / (len(hit) + false + len(shares)))
    assert section["figures"]["f1_best"]["value"] == (pytest.approx(best_f1) if best_f1 else None)
    if best_f1:
        threshold = value(section, "threshold_f1_best")
        hit, false = tried(cases, threshold, everything)
        assert value(section, "recall_at_f1_best") == pytest.approx(len(hit) / len(shares))
        precision = section["figures"]["precision_at_f1_best"]
        assert precision["value"] == pytest.approx(len(hit) / (len(hit) + false))
        assert precision["n"] == len(hit) + false
        [row] = [row for row in section["curves"]["f1"] if row[0] == threshold]
        assert row[3] == pytest.approx(best_f1)


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_of_the_section_equals_coco(seed: int) -> None:
    cases = random_cases(seed, decimals=1)
    assert cases.found is not None
    assert cases.truths is not None
    truths, found = cases.truths, cases.found

    def reference(chosen: list[int]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return coco_boxes(
            tools()[0],
            [truths.corners[truths.case == at] for at in chosen],
            [(found.corners[found.case == at], found.scores[found.case == at]) for at in chosen],
        )[:, 0]

    section = detection(cases, samples=2)
    expected = reference(list(range(len(cases))))
    assert value(section, "ap50") == pytest.approx(expected[0], abs=1e-6)
    assert value(section, "ap75") == pytest.approx(expected[5], abs=1e-6)
    assert value(section, "ap50_95") == pytest.approx(expected.mean(), abs=1e-6)
    alone = reference(np.flatnonzero(cases.positive).tolist())
    assert value(section, "ap50_fractured_only") == pytest.approx(alone[0], abs=1e-6)


def test_no_figure_depends_on_the_order_of_the_cases() -> None:
    cases = random_cases(1, 40, decimals=1)
    shuffled = cases.of(np.random.default_rng(0).permutation(len(cases)))
    one, other = detection(cases, samples=2), detection(shuffled, samples=2)
    for name, figure in one["figures"].items():
        assert figure["value"] == pytest.approx(other["figures"][name]["value"]), name
    assert one["curves"] == other["curves"]
    for size, same in zip(one["sizes"], other["sizes"], strict=True):
        for name, figure in size["figures"].items():
            assert figure["value"] == pytest.approx(same["figures"][name]["value"])


def test_intervals_and_curves_of_many_cases() -> None:
    section = detection(random_cases(2, 600, decimals=4), samples=200)
    for name in (*PRECISIONS, "f1_best", "sensitivity_at_0.5", "ap50_fractured_only"):
        figure = section["figures"][name]
        assert figure["low"] < figure["value"] < figure["high"]
        assert figure["high"] - figure["low"] < 0.2
    assert section["figures"]["threshold_f1_best"]["low"] is None
    assert [size["name"] for size in section["sizes"]] == ["small", "medium", "large"]
    for curve in section["curves"].values():
        assert 100 < len(curve) <= 200
    recalls = [recall for _, recall in section["curves"]["froc"]]
    assert recalls == sorted(recalls)
    assert any("optimistic" in note for note in section["notes"])
    json.dumps(section, allow_nan=False)


def test_intervals_are_those_of_cases_listed_as_often_as_drawn() -> None:
    cases = replace(random_cases(3, 20, decimals=6), clusters=np.arange(20) // 2)
    section = detection(cases, samples=25, seed=4)
    [drawn] = bootstrap_counts(cases.clusters, samples=25, seed=4)
    listed = [cases.of(np.repeat(np.arange(20), row.astype(int))) for row in drawn]
    sections = [detection(one, samples=2) for one in listed]
    for name in ("ap50", "ap50_95", "ap50_fractured_only", "sensitivity_at_0.25"):
        low, high = np.quantile([value(one, name) for one in sections], [0.025, 0.975])
        assert section["figures"][name]["low"] == pytest.approx(low)
        assert section["figures"][name]["high"] == pytest.approx(high)


def test_one_cluster_has_no_intervals() -> None:
    cases = random_cases(3, 10)
    section = detection(replace(cases, clusters=np.zeros(10, dtype=np.int64)), samples=2)
    assert {figure["low"] for figure in section["figures"].values()} == {None}
    assert "All images are one cluster, so there are no intervals." in section["notes"]


TRUE = (10.0, 10.0, 50.0, 60.0, 1.0)
HIT = (10.0, 10.0, 50.0, 60.0, 0.9)
FALSE = (100.0, 100.0, 150.0, 150.0, 0.4)


def test_the_smallest_example_by_hand() -> None:
    section = detection(make_cases([[TRUE], [], []], [[HIT], [FALSE], []]), samples=20)
    assert value(section, "ap50") == 1
    assert value(section, "sensitivity_at_0.05") == 1
    assert value(section, "f1_best") == 1
    assert value(section, "threshold_f1_best") == 0.9
    assert section["curves"]["froc"] == [[0, 1], [pytest.approx(1 / 3), 1]]
    assert section["curves"]["f1"][0] == [0.9, 1, 1, 1]
    assert [size["boxes"] for size in section["sizes"]] == [0, 0, 1]
    assert section["sizes"][0]["figures"]["ap50"]["value"] is None


def test_without_true_boxes_nothing_is_defined() -> None:
    section = detection(make_cases([[], []], [[HIT], [FALSE]]), samples=5)
    assert {figure["value"] for figure in section["figures"].values()} == {None}
    assert "There is no true box, so no figure of boxes is defined." in section["notes"]
    assert section["curves"] == {"froc": [], "precision_recall": [], "f1": []}
    json.dumps(section, allow_nan=False)


def test_a_model_that_finds_nothing_has_average_precision_zero() -> None:
    section = detection(make_cases([[TRUE], []], [[], []]), samples=5)
    assert [value(section, name) for name in PRECISIONS] == [0, 0, 0]
    assert value(section, "sensitivity_at_2") == 0
    assert section["figures"]["f1_best"]["value"] is None
    assert "The model found no box" in section["notes"][0]


def test_scores_that_are_all_alike_cannot_be_ranked() -> None:
    alike: list[list[tuple[float, ...]]] = [[(*HIT[:4], 0.5)], [(*FALSE[:4], 0.5)]]
    section = detection(make_cases([[TRUE], []], alike), samples=5)
    assert section["figures"]["ap50"]["value"] is None
    assert value(section, "sensitivity_at_0.5") == 1
    assert value(section, "sensitivity_at_0.25") == 0
    assert value(section, "precision_at_f1_best") == 0.5
    assert any("same score" in note for note in section["notes"])


def test_boxes_that_all_miss_have_no_best_f1() -> None:
    section = detection(make_cases([[TRUE], []], [[FALSE], [FALSE]]), samples=5)
    assert section["figures"]["threshold_f1_best"]["value"] is None
    assert any("no best F1" in note for note in section["notes"])


def test_sections_without_boxes_say_why() -> None:
    cases = make_cases([[TRUE], []], [[HIT], []])
    for changed, why in (
        (replace(cases, found=None), "The model draws no boxes."),
        (replace(cases, truths=None), "The manifest marks no boxes."),
        (
            replace(cases, found=None, truths=None, level="study"),
            "Boxes are measured in single images, not by study.",
        ),
    ):
        section = detection(changed, samples=2)
        assert section == {"figures": {}, "sizes": [], "curves": {}, "notes": [why]}
    assert detection(cases.of(np.zeros(0, dtype=np.int64)), samples=2)["figures"] == {}


def test_positive_images_in_which_nothing_is_marked_are_left_out() -> None:
    cases = make_cases([[TRUE], [], []], [[HIT], [(*FALSE[:4], 0.99)], []])
    silent = replace(cases.records[1], annotations=None, label="fracture")
    records = (cases.records[0], silent, cases.records[2])
    section = detection(
        replace(cases, records=records, positive=np.array([True, True, False])), samples=5
    )
    assert value(section, "ap50") == 1
    assert section["figures"]["ap50"]["n"] == 2
    assert section["notes"][0].startswith("1 positive images in which nothing is marked")


def test_images_of_unknown_size_have_no_part_in_sizes() -> None:
    cases = make_cases([[TRUE], [TRUE], []], [[HIT], [HIT], []])
    records = (replace(cases.records[0], width=None), *cases.records[1:])
    section = detection(replace(cases, records=records), samples=5)
    assert [size["boxes"] for size in section["sizes"]] == [0, 0, 1]
    assert "1 images of unknown size are left out of the figures by size." in section["notes"]
    nowhere = tuple(replace(record, height=None) for record in cases.records)
    assert detection(replace(cases, records=nowhere), samples=5)["sizes"] == []
