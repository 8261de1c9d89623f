"""The committed figures are those of the shipped model; wrong input is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.sources.fracatlas import SOURCE
from fractura.datasets.sources.source import Options
from fractura.errors import FracturaError
from fractura.evaluation.scorecard import scorecard
from fractura.findings import Box, Finding, Reading
from fractura.reading.reader import Reader
from fractura.reading.stream import read_files

COMMITTED = Path(__file__).parents[2] / "recipes" / "fractura-s.scorecard.json"


def record(number: int, fractured: bool) -> Record:
    marks = (Annotation(FRACTURE, Box(10, 10, 30, 30)),) if fractured else ()
    return Record(
        id=str(number),
        path=Path(),
        source="made up",
        label="fracture" if fractured else "no fracture",
        regions=("hand",),
        annotations=marks,
        order=number * 4,
    )


def reading(probability: float, box: Box | None, decision: str) -> Reading:
    findings = (Finding("fracture", probability, box),) if box else ()
    return Reading(
        None, "", "m 1", 64, 64, probability, decision, findings, "hand", 1.0  # type: ignore[arg-type]
    )  # fmt: skip


RECORDS = [record(0, True), record(1, True), record(2, False), record(3, False)]
READINGS = {
    "0": reading(0.9, Box(10, 10, 30, 31), "fracture"),
    "1": reading(0.4, Box(40, 40, 60, 60), "uncertain"),
    "2": reading(0.5, Box(1, 1, 9, 9), "uncertain"),
    "3": reading(0.1, None, "no fracture"),
}


def test_figures_of_a_case_worked_by_hand() -> None:
    card = scorecard(RECORDS, READINGS, samples=50)
    figures = {name: figure["value"] for name, figure in card["figures"].items()}
    assert (card["images"], card["fractured"], card["boxes"]) == (4, 2, 2)
    assert figures["auroc"] == pytest.approx(0.75)
    assert figures["ap50"] == pytest.approx(51 / 101)
    assert figures["high_sensitivity/sensitivity"] == 1
    assert figures["high_sensitivity/specificity"] == 0.5
    assert figures["high_specificity/sensitivity"] == 0.5
    assert figures["high_specificity/specificity"] == 1
    assert figures["brier"] == pytest.approx((0.01 + 0.36 + 0.25 + 0.01) / 4)
    for figure in card["figures"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]


def test_a_missing_reading_or_class_is_refused() -> None:
    with pytest.raises(FracturaError, match="no reading of 3"):
        scorecard(RECORDS, {name: READINGS[name] for name in "012"})
    with pytest.raises(FracturaError, match="does not tell"):
        scorecard([replace(RECORDS[0], label="abnormal"), *RECORDS[1:]], READINGS)
    with pytest.raises(FracturaError, match="fractured and normal"):
        scorecard([replace(item, label="fracture") for item in RECORDS], READINGS)


def test_the_committed_scorecard_is_the_shipped_models(shared_data: Path) -> None:
    """Rounding differs between processors, and few boxes weigh much; hence the tolerances."""
    items = SOURCE.read(shared_data / "fracatlas", Options("fracatlas"))
    records = [
        item for item in items if isinstance(item, Record) and item.official_split == "valid"
    ]
    paths = [item.path for item in records]
    outcomes = list(read_files(Reader(threads=1), paths, all_findings=True))
    readings = {
        item.id: outcome
        for item, outcome in zip(records, outcomes, strict=True)
        if isinstance(outcome, Reading)
    }
    measured = scorecard(records, readings, samples=2)
    committed = json.loads(COMMITTED.read_text())["valid"]
    assert measured["images"] == committed["images"] == 391
    assert measured["models"] == committed["models"]
    for name, tolerance in {"auroc": 0.005, "ap50": 0.04, "calibration_error": 0.02}.items():
        expected = committed["figures"][name]["value"]
        assert measured["figures"][name]["value"] == pytest.approx(expected, abs=tolerance)
    assert measured["figures"]["auroc"]["value"] >= 0.85
    assert measured["figures"]["ap50"]["value"] >= 0.30
