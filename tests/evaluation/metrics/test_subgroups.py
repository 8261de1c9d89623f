"""Subgroups hold the right cases, are measured on their own, and the worst is named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fractura.evaluation.cases import Boxes, Cases
from fractura.evaluation.detection import match, pooled_average_precision
from fractura.evaluation.metrics.subgroups import subgroups
from tests.evaluation.strata import fracture, make_cases, random_cases


def found(section: dict[str, Any], attribute: str) -> dict[str, dict[str, Any]]:
    return {one["value"]: one for one in section["subgroups"] if one["attribute"] == attribute}


@pytest.fixture(scope="module")
def cases() -> Cases:
    random = np.random.default_rng(0)
    return random_cases(
        1,
        400,
        sex=random.choice(["female", "male", None], 400).tolist(),
        age=random.choice([3.5, 9.9, 10, 17.9, 18, 64.9, 65, 90, None], 400).tolist(),
        regions=[
            [("hand",), ("leg",), ("hand", "leg"), ()][at] for at in random.integers(4, size=400)
        ],
        cast=random.choice([True, False], 400).tolist(),
        width=random.choice([100, 200, 300, 900, 950], 400).tolist(),
        height=[50] * 400,
        extra=[{"multiscan": word} for word in random.choice(["0", "1", "odd"], 400)],
    )


def test_a_subgroup_is_measured_as_if_its_cases_were_all_there_is(cases):
    section = subgroups(cases, samples=200, seed=4)
    women = [at for at, record in enumerate(cases.records) if record.sex == "female"]
    alone = cases.of(np.array(women))
    entry = found(section, "sex")["female"]
    assert entry["cases"] == len(women)
    assert entry["positives"] == alone.positive.sum()
    auroc = entry["figures"]["auroc"]
    assert auroc["value"] == pytest.approx(roc_auc_score(alone.positive, alone.probability))
    assert auroc["low"] < auroc["value"] < auroc["high"]
    called = alone.probability >= 0.5
    assert entry["figures"]["sensitivity"]["value"] == called[alone.positive].mean()
    assert entry["figures"]["sensitivity"]["n"] == alone.positive.sum()
    assert entry["figures"]["specificity"]["value"] == (~called)[~alone.positive].mean()
    assert entry["figures"]["flagged"]["value"] == called.mean()
    assert "ap50" not in entry["figures"]
    regions = found(subgroups(alone, samples=200, seed=4), "region")
    both = [at for at, record in enumerate(alone.records) if "hand" in record.regions]
    assert regions["hand"]["cases"] == len(both)


def test_each_attribute_has_the_values_that_records_tell(cases):
    section = subgroups(cases, samples=2)
    values = {
        one["attribute"]: list(found(section, one["attribute"])) for one in section["subgroups"]
    }
    assert values == {
        "sex": ["female", "male"],
        "age": ["0–9", "10–17", "18–39", "40–64", "65 and over"],
        "region": ["hand", "leg"],
        "cast": ["no", "yes"],
        "several views in one image": ["no", "yes"],
        "image size": ["to 200 px", "over 200 to 900 px", "over 900 px"],
    }
    ages = [record.age for record in cases.records]
    assert found(section, "age")["0–9"]["cases"] == ages.count(3.5) + ages.count(9.9)
    assert found(section, "age")["65 and over"]["cases"] == ages.count(65) + ages.count(90)
    notes = " ".join(section["notes"])
    assert "alike in source (made)" in notes
    assert f"sex {[record.sex for record in cases.records].count(None)}" in notes
    assert "hardware 400" in notes


def boxed_cases() -> Cases:
    """Thirty small fractures that are missed, thirty large ones that are found, sixty normals."""
    small, large = (fracture(10, 10, 12, 12),), (fracture(10, 10, 40, 40), fracture(50, 50, 80, 80))
    annotations = [small] * 30 + [large] * 30 + [()] * 60
    corners = [[10, 10, 40, 40]] * 30 + [[0, 0, 9, 9]] * 20
    scores = np.concatenate([np.linspace(0.4, 0.9, 30), np.linspace(0.3, 0.6, 20)])
    return make_cases(
        [True] * 60 + [False] * 60,
        [0.2] * 30 + [0.9] * 30 + [0.1] * 40 + [0.7] * 20,
        found=Boxes(np.arange(30, 80), np.array(corners, dtype=np.float64), scores),
        decisions=["no fracture"] * 30
        + ["fracture"] * 30
        + ["no fracture"] * 40
        + ["uncertain"] * 20,
        annotations=annotations,
        width=[100] * 120,
        height=[100] * 120,
    )


def test_fractures_of_each_size_are_held_against_all_negatives():
    cases = boxed_cases()
    section = subgroups(cases, samples=100)
    sizes = found(section, "largest fracture, share of the image")
    assert list(sizes) == ["0 % to 0.25 % (small)", "1 % to 100 % (large)"]
    small, large = sizes.values()
    assert (small["cases"], small["positives"], small["boxes"]) == (90, 30, 30)
    assert (large["cases"], large["positives"], large["boxes"]) == (90, 30, 60)
    assert small["figures"]["auroc"]["value"] == pytest.approx(2 / 3)
    assert large["figures"]["auroc"]["value"] == 1
    assert small["figures"]["sensitivity"]["value"] == 0
    assert small["figures"]["specificity"] is None
    assert small["figures"]["ap50"]["value"] == 0
    own = cases.of(np.arange(30, 120))
    matches = [
        match(own.found.corners[own.found.case == at], own.found.scores[own.found.case == at],
              own.truths.corners[own.truths.case == at])
        for at in range(90)
    ]  # fmt: skip
    expected = pooled_average_precision(matches)
    assert 0 < expected < 1
    assert large["figures"]["ap50"]["value"] == pytest.approx(expected)
    assert section["worst_subgroups"]["auroc"]["value"] == "0 % to 0.25 % (small)"
    assert section["worst_subgroups"]["ap50"]["figure"]["value"] == 0
    assert section["worst_subgroups"]["auroc"]["of"] == 4
    assert "specificity" not in section["worst_subgroups"]
    assert "own decision" in " ".join(section["notes"])


def test_the_worst_subgroup_has_enough_cases():
    """Twenty are at chance, and nineteen are all wrong but too few to be named."""
    positive = [True, False] * 59
    chances = [0.9, 0.1] * 20 + [0.5, 0.5] * 20 + [0.1, 0.9] * 19
    cases = make_cases(positive, chances, sex=["female"] * 40 + ["male"] * 40 + ["other"] * 38)
    worst = subgroups(cases, samples=20)["worst_subgroups"]
    assert worst["auroc"]["value"] == "male"
    assert worst["auroc"]["figure"]["value"] == 0.5
    assert worst["auroc"]["of"] == 2


@pytest.mark.parametrize(
    ("positive", "probability"),
    [([True], [0.5]), ([False] * 3, [0.1, 0.2, 0.3]), ([True, False, True], [0.4] * 3)],
    ids=["one positive", "no positive", "all equal"],
)
def test_undefined_figures_are_none(positive, probability):
    count = len(positive)
    cases = make_cases(
        positive,
        probability,
        sex=["male"] + ["female"] * (count - 1),
        cast=[None] * (count - 1) + [True],
        annotations=[None] * count,
    )
    section = subgroups(cases, samples=20)
    json.dumps(section, allow_nan=False)
    assert section["worst_subgroups"] == {}
    assert "none is named" in section["notes"][-1]
    for one in section["subgroups"]:
        defined = 0 < one["positives"] < one["cases"]
        assert (one["figures"]["auroc"]["value"] is not None) == defined
