"""Readings go to JSON and come back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fractura.evaluation.detection import intersection_over_union
from fractura.findings import Box, Failure, Finding, Reading

UNIT = st.floats(0, 1)
PIXELS = st.floats(0, 5000)
SIDES = st.just(0.0) | st.floats(0.1, 5000)
UPRIGHT = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height), PIXELS, PIXELS, SIDES, SIDES
)
FINDINGS = st.builds(
    Finding, st.just("fracture"), UNIT, st.builds(Box, PIXELS, PIXELS, PIXELS, PIXELS)
)
READINGS = st.builds(
    Reading,
    path=st.none() | st.text(),
    sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    model=st.just("fractura-s 1"),
    width=st.integers(1, 9000),
    height=st.integers(1, 9000),
    probability=UNIT,
    decision=st.sampled_from(["fracture", "no fracture", "uncertain"]),
    findings=st.lists(FINDINGS, max_size=4).map(tuple),
    region=st.sampled_from(["hand", "leg"]),
    region_probability=UNIT,
    warnings=st.lists(st.text(), max_size=2).map(tuple),
    milliseconds=st.dictionaries(st.sampled_from(["decode", "network"]), UNIT),
)


@given(READINGS | READINGS.map(lambda it: replace(it, region=None, region_probability=None)))
def test_json_keeps_a_reading_up_to_its_rounding(reading: Reading) -> None:
    line = json.dumps(reading.as_dict())
    again = Reading.from_dict(json.loads(line))
    assert json.dumps(again.as_dict()) == line
    assert abs(again.probability - reading.probability) <= 5e-6
    for ours, theirs in zip(again.findings, reading.findings, strict=True):
        assert abs(ours.box.x_min - theirs.box.x_min) <= 0.0051


def test_the_documented_keys_stand_in_their_order() -> None:
    reading = Reading(
        "a.png", "0" * 64, "fractura-s 1", 4, 3, 0.5, "uncertain",
        (Finding("fracture", 0.25, Box(1, 2, 3, 4)),), "hand", 0.75,
    )  # fmt: skip
    assert json.dumps(reading.as_dict()) == (
        '{"schema": 1, "path": "a.png", "sha256": "'
        + "0" * 64
        + '", "model": "fractura-s 1", "width": 4, '
        '"height": 3, "fracture": {"probability": 0.5, "decision": "uncertain", "reliable": true, '
        '"reason": null}, "findings": '
        '[{"label": "fracture", "score": 0.25, "box": [1, 2, 3, 4]}], "region": {"label": "hand", '
        '"probability": 0.75}, "warnings": [], "milliseconds": {}}'
    )
    failure = Failure("b.png", "DamagedFileError", "b.png: no")
    assert failure.as_dict() == {
        "schema": 1,
        "path": "b.png",
        "error": {"type": "DamagedFileError", "message": "b.png: no"},
    }


@given(UPRIGHT, UPRIGHT)
def test_boxes_overlap_as_evaluation_counts_it(one: Box, other: Box) -> None:
    boxes = (np.array([box.as_list()]) for box in (one, other))
    expected = intersection_over_union(*boxes).item()
    np.testing.assert_allclose(one.overlap(other), expected, atol=1e-6)
    assert one.overlap(other) == other.overlap(one)
