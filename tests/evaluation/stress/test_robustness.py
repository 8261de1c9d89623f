"""Figures under corruption, exact for a reader whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fractura import Reader
from fractura.datasets.record import Record
from fractura.errors import FracturaError
from fractura.evaluation.stress.corruptions import CORRUPTIONS, Corruption
from fractura.evaluation.stress.reread import reread
from fractura.evaluation.stress.robustness import robustness
from fractura.evaluation.stress.views import placed, unmoved
from fractura.findings import Reading
from fractura.imaging.load import load
from fractura.imaging.radiograph import Radiograph
from tests.evaluation.stress.spots import (
    BACKGROUND,
    HEIGHT,
    SPOT,
    WIDTH,
    cases_of,
    read_spot,
    spot_cases,
)

SPOTS = [(10, 10, 40, 40), None, (60, 30, 90, 60), None, (80, 50, 110, 80), None]
DIM = Corruption("dim", (0.9, 0.5), lambda pixels, strength, _: unmoved(pixels * strength))
CUT = Corruption(
    "cut", (50,), lambda pixels, strength, _: placed(pixels, -int(strength), 0, (HEIGHT, WIDTH))
)
BLACK = Corruption("black", (0,), lambda pixels, _, __: unmoved(0 * pixels))
OPTIONS = {"samples": 50, "workers": 2}


def values(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    return {name: one["value"] for name, one in figures.items()}


def test_exact_figures(tmp_path: Path) -> None:
    cases = spot_cases(tmp_path, SPOTS)
    found = robustness(cases, read_spot, corruptions=(DIM, CUT, BLACK), **OPTIONS)
    assert found["cases"] == 6
    assert values(found["clean"]) == {
        "auroc": 1, "sensitivity": 1, "specificity": 1, "ap50": pytest.approx(1),
    }  # fmt: skip
    dim, dark, cut, black = found["corruptions"]
    assert [(one["name"], one["severity"]) for one in (dim, dark, cut, black)] == [
        ("dim", 1), ("dim", 2), ("cut", 1), ("black", 1),
    ]  # fmt: skip
    mean = (SPOT + BACKGROUND) / 2 / 255
    assert values(dim["figures"]) == {
        "auroc": 1, "sensitivity": 1, "specificity": 1, "ap50": pytest.approx(1),
        "auroc_change": 0, "mean_change": pytest.approx(0.1 * mean, abs=1e-6),
    }  # fmt: skip
    assert values(dark["figures"]) == {
        "auroc": 1, "sensitivity": 0, "specificity": 1, "ap50": 0,
        "auroc_change": 0, "mean_change": pytest.approx(0.5 * mean, abs=1e-6),
    }  # fmt: skip
    assert values(black["figures"])["auroc_change"] == -0.5
    assert values(found["summary"]) == {"dim": 0, "cut": 0, "black": 1}
    # The first fracture is cut away, so its radiograph tells nothing any more.
    assert {name: one["n"] for name, one in cut["figures"].items()} == {
        "auroc": 5, "sensitivity": 2, "specificity": 3, "ap50": 5,
        "auroc_change": 5, "mean_change": 5,
    }  # fmt: skip
    assert values(cut["figures"])["ap50"] == pytest.approx(1)


def test_turned_and_cropped_boxes_are_found(tmp_path: Path) -> None:
    cases = spot_cases(tmp_path, [(50, 35, 70, 55), None])
    chosen = [one for one in CORRUPTIONS if one.name in ("rotation", "crop")]
    found = robustness(cases, read_spot, corruptions=chosen, **OPTIONS)
    assert len(found["corruptions"]) == 10
    for one in found["corruptions"]:
        assert one["figures"]["ap50"]["value"] == pytest.approx(1), one


def test_no_answer_is_a_sentence_not_an_error(tmp_path: Path) -> None:
    cases = spot_cases(tmp_path, SPOTS[:3])
    cases.records[0].path.write_bytes(b"not an image")
    found = robustness(cases, read_spot, corruptions=(DIM,), **OPTIONS)
    assert found["cases"] == 2
    assert "Left out because they could not be loaded: 1." in found["notes"]
    for record in cases.records:
        record.path.unlink()
    found = robustness(cases, read_spot, corruptions=(DIM,), **OPTIONS)
    assert found["cases"] == 0
    assert set(values(found["clean"]).values()) == {None}
    unboxed = replace(spot_cases(tmp_path, SPOTS[1:2]), truths=None, found=None)
    found = robustness(unboxed, read_spot, corruptions=(DIM,), **OPTIONS)
    assert "ap50" not in found["clean"]
    assert found["clean"]["auroc"] == {"value": None, "low": None, "high": None, "n": 1}
    assert found["summary"]["dim"]["value"] is None


def test_studies_are_refused(tmp_path: Path) -> None:
    cases = replace(spot_cases(tmp_path, SPOTS), level="study")
    with pytest.raises(FracturaError, match="not by study"):
        robustness(cases, read_spot, corruptions=(DIM,), **OPTIONS)


@pytest.mark.parametrize(
    ("spots", "limit", "drawn"),
    [(SPOTS, 4, (2, 2)), (SPOTS[:2] + [None] * 9, 3, (1, 2)), ([None] * 5, 2, (0, 2)),
     (SPOTS, None, (3, 3)), (SPOTS, 99, (3, 3))],
)  # fmt: skip
def test_limit_keeps_the_share_of_positives(
    tmp_path: Path, spots: list[tuple[int, int, int, int] | None], limit: int | None,
    drawn: tuple[int, int],
) -> None:  # fmt: skip
    cases = spot_cases(tmp_path, spots)
    names = []

    def progress(items: object, total: int, name: str) -> object:
        names.append((total, name))
        return items

    done = reread(
        cases, "test", lambda radiograph, truths: radiograph.path,
        limit=limit, workers=2, seed=0, progress=progress,
    )  # fmt: skip
    assert (done.cases.positive.sum(), (~done.cases.positive).sum()) == drawn
    assert done.results == [str(record.path) for record in done.cases.records]
    assert names == [(sum(drawn), "test")]
    assert bool(done.notes) == (sum(drawn) < len(spots))


def test_shipped_model(phantom_pngs: list[Path]) -> None:
    """The clean reading is the reader's own, and what changes nothing changes nothing."""
    reader = Reader(threads=1)
    probabilities: list[float] = []

    def read(radiograph: Radiograph) -> Reading:
        reading = reader.read(radiograph, all_findings=True)
        probabilities.append(reading.probability)
        return reading

    records = [
        Record(id=path.name, path=path, source="phantoms", label=label, annotations=())
        for path, label in zip(phantom_pngs[:2], ("fracture", "no fracture"), strict=True)
    ]
    same = Corruption("same", (1,), lambda pixels, _, __: unmoved(pixels))
    inversion = next(one for one in CORRUPTIONS if one.name == "inversion")
    found = robustness(cases_of(records), read, corruptions=(same, inversion), samples=10)
    assert values(found["corruptions"][0]["figures"])["mean_change"] == 0
    clean = [reader.read(load(path)).probability for path in phantom_pngs[:2]]
    assert probabilities[0::3] == clean
    change = np.abs(np.array(probabilities[2::3]) - clean).mean()
    assert values(found["corruptions"][1]["figures"])["mean_change"] == pytest.approx(change)
