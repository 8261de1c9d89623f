"""The committed report is of the committed scorecard, and that is of the shipped model."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fractura.datasets.record import Record
from fractura.datasets.sources.fracatlas import SOURCE
from fractura.datasets.sources.source import Options
from fractura.evaluation.metrics.boxes import detection
from fractura.evaluation.metrics.image import image_figures
from fractura.evaluation.predictions.model import read_with
from fractura.evaluation.report.page import write_report
from fractura.evaluation.scorecard_file import read_scorecard

ROOT = Path(__file__).parents[2]
SCORECARD = ROOT / "recipes" / "fractura-s.scorecard.json"
PREDICTIONS = ROOT / "recipes" / "fractura-s.predictions.csv"
REPORT = ROOT / "docs" / "evaluation" / "fractura-s"


def test_the_committed_report_is_of_the_committed_scorecard(tmp_path: Path) -> None:
    write_report(read_scorecard(SCORECARD), "valid", tmp_path)
    for name in ("model-card.md", "claim-2024.md", "stard-ai.md"):
        assert (REPORT / name).read_text() == (tmp_path / name).read_text()
    committed = (REPORT / "report.html").read_text()
    assert len(committed) > 100_000
    assert "data:image/png" not in committed


def test_the_tables_are_those_of_the_scorecard() -> None:
    figures = read_scorecard(SCORECARD).of("valid").figures
    for page in (
        ROOT / "README.md",
        ROOT / "docs" / "evaluation" / "fractura-s.md",
        ROOT / "docs" / "training" / "shipped-model.md",
        ROOT / "src" / "fractura" / "weights" / "fractura-s.md",
    ):
        text = page.read_text()
        for name in ("auroc", "ap50", "ap50_fractured_only"):
            figure = figures[name]
            cell = f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
            assert cell in text, f"{page.name} lacks {name} {cell}"


def test_the_committed_scorecard_is_the_shipped_models(shared_data: Path) -> None:
    """Rounding differs between processors, and few boxes weigh much; hence the tolerances."""
    with PREDICTIONS.open() as file:
        said = {row["id"]: float(row["fracture"]) for row in csv.DictReader(file)}
    items = SOURCE.read(shared_data / "fracatlas", Options("fracatlas"))
    records = [item for item in items if isinstance(item, Record) and item.id in said]
    cases = read_with("fractura-s", records).cases
    committed = read_scorecard(SCORECARD).of("valid")
    assert len(cases) == committed.cases == len(said)
    differences = [
        abs(said[record.id] - probability)
        for record, probability in zip(cases.records, cases.probability, strict=True)
    ]
    assert sorted(differences)[len(differences) // 2] < 0.001
    image, boxes = image_figures(cases, samples=2), detection(cases, samples=2)["figures"]
    for name, found, tolerance in (
        ("auroc", image["auroc"], 0.005),
        ("ap50", boxes["ap50"], 0.04),
        ("calibration_error", image["calibration_error"], 0.02),
    ):
        assert found["value"] == pytest.approx(committed.figures[name]["value"], abs=tolerance)
    assert image["auroc"]["value"] >= 0.85
    assert boxes["ap50"]["value"] >= 0.30
