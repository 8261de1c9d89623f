"""Heatmap scores, exact for maps whose scores are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fractura import Reader
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.errors import ModelError
from fractura.evaluation.stress.heatmaps import heatmaps, randomised_reader, rank_correlation
from fractura.findings import Reading
from fractura.imaging.phantom import make_phantom
from fractura.imaging.radiograph import Radiograph
from tests.evaluation.stress.spots import HEIGHT, WIDTH, cases_of, read_spot, spot_cases

Map = Callable[[NDArray[np.float32]], None]
SPOT = (20, 20, 50, 50)


class Painter:
    """Reads spots and paints the same heatmap on every radiograph."""

    def __init__(self, paint: Map | None) -> None:
        self._paint = paint

    def read(
        self, radiograph: Radiograph, *, all_findings: bool = False, heatmap: bool = False
    ) -> Reading:
        if self._paint is None:
            return read_spot(radiograph)
        warmth = np.zeros((radiograph.height, radiograph.width), np.float32)
        self._paint(warmth)
        return read_spot(radiograph, warmth)


def square(top: int, left: int, side: int, value: float = 1.0) -> Map:
    def paint(warmth: NDArray[np.float32]) -> None:
        warmth[top : top + side, left : left + side] += np.float32(value)

    return paint


def both(*maps: Map) -> Map:
    def paint(warmth: NDArray[np.float32]) -> None:
        for one in maps:
            one(warmth)

    return paint


def scores(folder: Path, paint: Map | None) -> dict[str, Any]:
    cases = spot_cases(folder, [SPOT, None])
    return heatmaps(cases, Painter(paint), None, samples=20)


@pytest.mark.parametrize(
    ("paint", "pointing", "energy"),
    [
        (square(20, 20, 30), 1, 1),
        (square(60, 70, 20), 0, 0),
        (both(square(20, 20, 30), square(55, 60, 30)), 0.5, 0.5),
        (both(square(20, 20, 30), square(55, 60, 30, 1.5)), 0, 0.4),
        (square(52, 52, 1), 1, 0),  # within 3 % of 120 pixels
        (square(54, 20, 1), 0, 0),
        (square(0, 0, 200), 38 * 38 / 10800, 900 / 10800),
    ],
)
def test_exact_scores(tmp_path: Path, paint: Map, pointing: float, energy: float) -> None:
    found = scores(tmp_path, paint)
    assert (found["radiographs"], found["boxes"]) == (1, 1)
    values = {name: one["value"] for name, one in found["figures"].items()}
    assert values["pointing_game"] == pytest.approx(pointing)
    assert values["energy_in_box"] == pytest.approx(energy)
    assert values["chance_energy"] == pytest.approx(900 / (HEIGHT * WIDTH))
    assert values["found_by_best_box"] == 1
    # 3 % of 120 is 3.6 pixels, so the middles of 4 more pixels on each side are near.
    assert values["chance_pointing"] == pytest.approx(38 * 38 / (HEIGHT * WIDTH))
    assert found["randomised"]["correlation"]["value"] is None


def test_what_cannot_be_scored_is_said(tmp_path: Path) -> None:
    found = scores(tmp_path, None)
    assert "The model gives no heatmap." in found["notes"]
    assert {one["value"] for one in found["figures"].values()} == {None}
    found = heatmaps(spot_cases(tmp_path, [None, None]), Painter(None), None, samples=20)
    assert "No radiograph has a true box, so heatmaps cannot be scored." in found["notes"]
    found = scores(tmp_path, lambda warmth: None)
    assert found["figures"]["energy_in_box"] == {"value": None, "low": None, "high": None, "n": 0}


def test_a_radiograph_that_is_not_evaluated_is_left_out_and_said(tmp_path: Path) -> None:
    class Declining(Painter):
        """Declines what has its spot elsewhere."""

        def read(self, radiograph: Radiograph, **asked: bool) -> Reading:
            reading = super().read(radiograph, **asked)
            known = radiograph.pixels[SPOT[1] + 1, SPOT[0] + 1] > radiograph.pixels[-1, -1]
            return reading if known else replace(reading, heatmap=None)

    cases = spot_cases(tmp_path, [SPOT, (60, 60, 80, 80), SPOT])
    found = heatmaps(cases, Declining(square(20, 20, 30)), None, samples=20)
    assert (found["radiographs"], found["boxes"]) == (2, 2)
    assert found["figures"]["pointing_game"]["value"] == 1
    assert "1 radiographs are not evaluated and have no heatmap." in found["notes"]


def test_rank_correlation() -> None:
    ramp = np.linspace(0, 1, 6000, dtype=np.float32).reshape(60, 100)
    noise = np.random.default_rng(0).random((60, 100), dtype=np.float32)
    assert rank_correlation(ramp, ramp**2) == pytest.approx(1, abs=1e-6)
    assert rank_correlation(ramp, 1 - ramp) == pytest.approx(-1, abs=1e-6)
    assert abs(rank_correlation(ramp, noise)) < 0.1
    assert np.isnan(rank_correlation(ramp, 0 * ramp))


def test_shuffled_weights_forget_and_are_reproducible() -> None:
    radiograph = make_phantom(3, fracture="transverse").radiograph
    trained = Reader(threads=1).read(radiograph, heatmap=True)
    one, same, other = (
        randomised_reader("fractura-s", seed, threads=1).read(radiograph, heatmap=True)
        for seed in (0, 0, 1)
    )
    assert one.model == trained.model
    np.testing.assert_array_equal(one.heatmap, same.heatmap)
    assert not np.array_equal(one.heatmap, other.heatmap)
    assert abs(rank_correlation(trained.heatmap, one.heatmap)) < 0.5


def test_shipped_model(phantom_pngs: list[Path]) -> None:
    phantoms = [make_phantom(seed, width=200, height=240) for seed in range(4)]
    records = [
        Record(
            id=path.name, path=path, source="phantoms",
            label="fracture" if one.boxes else "no fracture",
            annotations=tuple(Annotation(FRACTURE, box) for box in one.boxes),
        )
        for path, one in zip(phantom_pngs, phantoms, strict=True)
    ]  # fmt: skip
    reader = Reader(threads=1)
    found = heatmaps(cases_of(records), reader, "fractura-s", samples=20)
    assert found["radiographs"] == sum(bool(one.boxes) for one in phantoms) > 0
    for one in [*found["figures"].values(), found["randomised"]["pointing_game"]]:
        assert 0 <= one["value"] <= 1


def test_files_that_cannot_be_shuffled(tmp_path: Path) -> None:
    broken, other = tmp_path / "model.onnx", tmp_path / "model.xml"
    broken.write_bytes(b"nothing")
    other.write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"model\.onnx could not be opened"):
        randomised_reader(broken)
    with pytest.raises(ModelError, match="give the ONNX file"):
        randomised_reader(other)
