"""Baselines see what the manifest says and nothing that tells the label."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fractura.datasets.record import Record
from fractura.evaluation.cases import Cases
from fractura.evaluation.metrics.baselines import baselines
from tests.evaluation.strata import make_cases, make_records


def telling(seed: int, count: int = 300) -> dict[str, list[object]]:
    """A cast tells the label nine times in ten; the width tells nothing; extras repeat it."""
    random = np.random.default_rng(seed)
    positive = random.random(count) < 0.4
    return {
        "positive": positive.tolist(),
        "cast": (positive ^ (random.random(count) < 0.1)).tolist(),
        "width": random.integers(300, 900, count).tolist(),
        "height": [400] * count,
        "extra": [{"fracture_count": str(int(one))} for one in positive],
        "group": [f"{seed} {at // 2}" for at in range(count)],
    }


def told(seed: int) -> Cases:
    fields = telling(seed)
    positive = fields.pop("positive")
    return make_cases(positive, [0.5] * len(positive), **fields)


def learnt(seed: int) -> tuple[Record, ...]:
    records = make_records(**telling(seed))
    return tuple(Record(**{**one.as_dict(), "id": f"train {one.id}"}) for one in records)


@pytest.mark.parametrize("with_training", [True, False])
def test_metadata_that_tells_is_found_and_size_that_does_not_is_not(with_training):
    cases = told(0)
    training = learnt(1) if with_training else ()
    prevalence, size, metadata = baselines(cases, training, samples=100)
    assert [one["name"] for one in (prevalence, size, metadata)] == [
        "prevalence",
        "image size",
        "metadata",
    ]
    assert 0.84 < metadata["figures"]["auroc"]["value"] < 0.96
    assert metadata["figures"]["brier"]["value"] < 0.13
    assert metadata["figures"]["accuracy"]["value"] > 0.8
    assert 0.4 < size["figures"]["auroc"]["value"] < 0.6
    assert "cast" in metadata["sees"]
    assert "fracture_count" not in metadata["sees"]
    assert ("training split" if with_training else "Cross-validated") in metadata["note"]
    labels = [one.fractured for one in training] or cases.positive.tolist()
    share = np.mean(labels)
    figures = prevalence["figures"]
    assert f"{share:.3f}" in prevalence["note"]
    assert figures["auroc"]["value"] == 0.5
    assert figures["average_precision"]["value"] == pytest.approx(cases.positive.mean())
    assert figures["brier"]["value"] == pytest.approx(np.mean((share - cases.positive) ** 2))
    assert figures["accuracy"]["value"] == pytest.approx(1 - cases.positive.mean())


def test_a_column_given_for_one_class_alone_is_left_out():
    cases = told(2)
    sides = ["left" if one else None for one in cases.positive]
    repeating = make_cases(
        cases.positive.tolist(), cases.probability.tolist(), laterality=sides, width=range(300),
        height=[400] * 300,
    )  # fmt: skip
    assert "side" not in baselines(repeating, samples=2)[2]["sees"]


@pytest.mark.parametrize("positive", [[True], [False] * 30, [True] + [False] * 50])
def test_too_few_cases_give_none_and_say_so(positive):
    cases = make_cases(
        positive, [0.5] * len(positive), width=range(len(positive)), height=[9] * len(positive)
    )
    found = baselines(cases, samples=20)
    json.dumps(found, allow_nan=False)
    for one in found[1:]:
        assert set(one["figures"].values()) == {None}
        assert one["note"]
