"""Columns stay in step however cases are chosen and put together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.errors import FracturaError
from fractura.evaluation.cases import (
    Boxes,
    Cases,
    cluster,
    cluster_numbers,
    pooled,
    true_boxes,
)
from fractura.findings import Box


def record(number: int, **fields: object) -> Record:
    given_fields = {"source": "a", "label": "fracture", **fields}
    return Record(id=str(number), path=Path(), **given_fields)  # type: ignore[arg-type]


def cases(records: list[Record], probability: list[float], decisions: list[str]) -> Cases:
    return Cases(
        model="m",
        records=tuple(records),
        positive=np.array([one.fractured is True for one in records]),
        probability=np.array(probability),
        clusters=cluster_numbers(records),
        decisions=np.array(decisions),
        truths=true_boxes(records),
    )


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=8).flatmap(
        lambda counts: st.tuples(st.just(counts), st.permutations(range(len(counts))))
    ),
    st.data(),
)
def test_boxes_follow_their_cases(drawn: tuple[list[int], list[int]], data: st.DataObject) -> None:
    counts, order = drawn
    chosen = order[: data.draw(st.integers(0, len(order)))]
    case = np.repeat(np.arange(len(counts)), counts)
    corners = np.arange(4.0 * len(case)).reshape(-1, 4)
    outlines = tuple((((float(index), 0.0),),) for index in range(len(case)))
    boxes = Boxes(case, corners, np.linspace(1, 0, len(case)), outlines)
    found = boxes.of(np.array(chosen, dtype=np.intp))
    expected = [
        (place, at) for place, one in enumerate(chosen) for at in np.flatnonzero(case == one)
    ]
    assert found.case.tolist() == [place for place, _ in expected]
    for row, (_, at) in enumerate(expected):
        assert found.corners[row].tolist() == corners[at].tolist()
        assert found.scores[row] == boxes.scores[at]
        assert found.outlines is not None
        assert found.outlines[row] == outlines[at]


def test_a_study_has_its_gravest_image() -> None:
    mark = (Annotation(FRACTURE, Box(0, 0, 1, 1)),)
    images = [
        record(0, study="x", label="no fracture", annotations=()),
        record(1, study="y", label="no fracture", annotations=()),
        record(2, study="x", annotations=mark),
        record(3, study="x", source="b", label="no fracture", annotations=()),
    ]
    before = cases(
        images, [0.9, 0.2, 0.4, 0.1], ["uncertain", "no fracture", "fracture", "uncertain"]
    )
    after = pooled(before, "study")
    assert after.ids == ("0", "1", "3")
    assert after.positive.tolist() == [True, False, False]
    assert after.probability.tolist() == [0.9, 0.2, 0.1]
    assert after.decisions is not None
    assert after.decisions.tolist() == ["fracture", "no fracture", "uncertain"]
    assert (after.level, after.truths, after.found) == ("study", None, None)
    assert pooled(before, "image") is before
    with pytest.raises(FracturaError, match="0 has no patient"):
        pooled(before, "patient")


def test_what_is_drawn_together() -> None:
    assert cluster(record(7, group="g", order=9)) == "group g"
    assert cluster(record(7, order=9)) == cluster(record(8, order=11)) == "a 2"
    assert cluster(record(7)) == "7"
    numbered = [record(1, group="g"), record(2), record(3, group="g")]
    assert cluster_numbers(numbered).tolist() == [0, 1, 0]


def test_silent_sources_have_no_true_boxes() -> None:
    silent = [record(1), record(2)]
    assert true_boxes(silent) is None
    found = true_boxes([record(1), replace(silent[1], annotations=())])
    assert found is not None
    assert len(found) == 0
