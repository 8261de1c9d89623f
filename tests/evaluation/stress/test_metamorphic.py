"""Changes of a reading, exact for a reader whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.evaluation.stress.metamorphic import RELATIONS, _median, relations
from fractura.findings import Reading
from fractura.imaging.radiograph import Radiograph
from tests.evaluation.stress.spots import BACKGROUND, SPOT, read_spot, spot_cases

SPOTS = [(20, 20, 50, 50), None, (60, 30, 90, 60), None]


def test_exact_changes(tmp_path: Path) -> None:
    cases = spot_cases(tmp_path, SPOTS)
    found = {one["name"]: one for one in relations(cases, read_spot, samples=50, workers=2)}
    assert list(found) == [one.name for one in RELATIONS]
    figures = {
        name: {key: one["value"] for key, one in of["figures"].items()}
        for name, of in found.items()
    }
    still = {
        "mean_change": 0, "decision_changed": 0, "largest_change": 0, "box_overlap": 1,
    }  # fmt: skip
    for name in ("mirror", "pad", "shift"):
        assert figures[name] == pytest.approx(still, abs=1e-6), name
    bright, dark = (0.1 - 0.2 * level / 255 for level in (SPOT, BACKGROUND))
    assert figures["grey values"] == pytest.approx(
        {**still, "mean_change": (dark - bright) / 2, "largest_change": -bright}, abs=1e-6
    )
    assert figures["rotate"]["box_overlap"] > 0.8
    assert figures["enlarge"]["box_overlap"] > 0.95
    assert figures["jpeg"]["largest_change"] < 0.02
    for one in found.values():
        assert one["cases"] == 4
        assert one["figures"]["box_overlap"]["n"] == 2
        assert one["figures"]["largest_change"]["low"] is None


def test_reader_that_knows_left_from_right(tmp_path: Path) -> None:
    """It sees the left half alone, so the mirror moves every answer and every box."""

    def read_left(radiograph: Radiograph) -> Reading:
        half = radiograph.pixels.copy()
        half[:, half.shape[1] // 2 :] = BACKGROUND / 255
        return read_spot(Radiograph(half, radiograph.sha256))

    cases = spot_cases(tmp_path, [(20, 20, 50, 50), (20, 30, 40, 60), None, None])
    mirror = relations(cases, read_left, samples=20)[0]["figures"]
    assert mirror["mean_change"]["value"] == pytest.approx((SPOT - BACKGROUND) / 255 / 2)
    assert mirror["decision_changed"]["value"] == 0.5
    assert mirror["box_overlap"] == {"value": None, "low": None, "high": None, "n": 0}


def test_nothing_to_compare(tmp_path: Path) -> None:
    cases = spot_cases(tmp_path, SPOTS)
    for record in cases.records:
        record.path.unlink()
    for one in relations(cases, read_spot, samples=20):
        assert one["cases"] == 0
        assert {figure["value"] for figure in one["figures"].values()} == {None}


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=30))
def test_median_is_that_of_repeated_values(pairs: list[tuple[float, int]]) -> None:
    values, counts = (
        np.array(column, dtype=np.float64) for column in zip(*sorted(pairs), strict=True)
    )
    repeated = np.repeat(values, counts.astype(int))
    found = _median(counts[None], values)[0]
    if not len(repeated):
        assert np.isnan(found)
    else:
        assert found == repeated[(len(repeated) - 1) // 2]
