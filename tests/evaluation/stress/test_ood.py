"""The share of foreign pictures that is flagged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fractura.datasets.record import Record
from fractura.evaluation.cases import Cases
from fractura.evaluation.stress import ood as module
from fractura.evaluation.stress.ood import OWN, foreign, share
from fractura.findings import Reading
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.save import save_png, to_16_bit
from fractura.ood.synthetic import NON_RADIOGRAPHS, make_non_radiograph


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_the_interval_is_clopper_pearsons(counts: tuple[int, int]) -> None:
    n, k = counts
    figure = share([True] * k + [False] * (n - k), range(n))
    expected = binomtest(k, n).proportion_ci(0.95, "exact")
    assert (figure.value, figure.n) == (k / n, n)
    assert (figure.low, figure.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_parts_of_one_picture_count_once() -> None:
    parts = share([True] * 30, ["a", "b", "c"] * 10)
    whole = share([True] * 3, "abc")
    assert (parts.low, parts.high, parts.n) == (whole.low, whole.high, 30)
    assert np.isnan(share([], []).value)


@pytest.mark.parametrize("kind", NON_RADIOGRAPHS)
def test_made_up_pictures_are_repeatable_and_in_range(kind: str) -> None:
    pixels = make_non_radiograph(kind, 3)
    assert (pixels == make_non_radiograph(kind, 3)).all()
    assert (pixels.dtype, pixels.ndim) == (np.float32, 2)
    assert 0 <= pixels.min() <= pixels.max() <= 1
    assert (
        pixels.shape != make_non_radiograph(kind, 4).shape
        or (pixels != make_non_radiograph(kind, 4)).any()
    )


def test_all_kinds_are_read_and_what_cannot_be_loaded_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MADE", 2)
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        save_png(path, to_16_bit(np.full((8, 8), number / 4, np.float32)))
    records = tuple(Record(id=p.name, path=p, source="s", label="unknown") for p in paths)
    cases = Cases("m", records, np.zeros(4, bool), np.zeros(4), np.arange(4))

    def read(radiograph: Radiograph) -> Reading:
        known = radiograph.pixels.mean() <= 0.3
        return Reading(None, "", "m", 1, 1, 0.5, "uncertain", (), reliable=known)

    (tmp_path / "bad.png").write_bytes(b"none")
    kinds = {"files": [*paths, tmp_path / "bad.png"], "none": []}
    found = {row["kind"]: row for row in foreign(read, kinds, cases=cases, workers=2)}
    assert list(found) == [OWN, *NON_RADIOGRAPHS, "files", "none"]
    assert [found[name]["n"] for name in (OWN, "blank", "files", "none")] == [4, 2, 4, 0]
    assert found[OWN]["flagged"]["value"] == found["files"]["flagged"]["value"] == 0.5
    assert found["none"]["flagged"] == {"value": None, "low": None, "high": None, "n": 0}
    few = foreign(read, cases=cases, limit=3, seed=1)
    assert few[0]["n"] == 3
