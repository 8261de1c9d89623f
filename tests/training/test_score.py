"""One run, one split, one set of figures: whoever asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("lightning")

from fractura import export
from fractura.datasets.record import FRACTURE, Annotation
from fractura.evaluation.compare.gather import gather
from fractura.evaluation.evaluate import EvaluationSettings
from fractura.evaluation.scorecard_file import read_scorecard
from fractura.findings import Box
from fractura.reading.model import Model
from fractura.training.run_folder import read_run
from fractura.training.score import score

from .noise import CLASSIFIER, DETECTOR, run, write_noise


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def change(index: int) -> dict[str, object]:
        return {"split": "test"} if index % 4 == 1 else {}

    return write_noise(tmp_path_factory.mktemp("score"), 48, change)


@pytest.fixture(scope="module")
def trained(manifest: Path) -> Path:
    """A finished run with its own scorecard, as ``fractura train`` leaves it."""
    out = manifest.parent / "runs" / "classifier"
    finished = run(CLASSIFIER, manifest, out)
    score(finished, manifest, EvaluationSettings("valid", leaks="leave out"))
    return out


def test_everybody_who_asks_gets_the_same_figures(fractura, manifest, trained, tmp_path) -> None:
    own = read_scorecard(trained).of("valid")
    assert {"auroc", "sensitivity", "calibration_error"} <= set(own.figures)
    assert own.points
    assert own.calibration
    out = tmp_path / "report"
    ask = ("evaluate", trained, manifest, "--split", "valid")
    with_out = fractura(*ask, "--out", out, "--stress", "0")
    assert with_out.exit_code == 0, with_out.stderr
    without = fractura(*ask)
    assert without.exit_code == 0, without.stderr
    reported, added = read_scorecard(out).of("valid"), read_scorecard(trained).of("valid")
    exported = fractura("evaluate", trained / "model.onnx", manifest, "--split", "valid",
                        "--out", tmp_path / "file", "--stress", "0")  # fmt: skip
    assert exported.exit_code == 0, exported.stderr
    of_file = read_scorecard(tmp_path / "file").of("valid")
    for other in (reported, added, of_file):
        assert other.figures == own.figures
        assert other.points == own.points
        assert other.calibration == own.calibration
        assert other.triage == own.triage
    (compared,) = gather([trained], "valid")
    assert compared.split.figures == own.figures
    for line in (line for line in without.stdout.splitlines() if line.startswith("  sensitivity ")):
        assert line in with_out.stdout
    assert (out / "report.html").is_file()
    assert (out / "metrics.csv").read_bytes() == (trained / "metrics.csv").read_bytes()


def test_options_count_with_and_without_a_folder(fractura, manifest, trained, tmp_path) -> None:
    ask = ("evaluate", trained, manifest, "--split", "test", "--choose-on", "valid")
    for extra in ((), ("--out", tmp_path / "out", "--stress", "0")):
        refused = fractura(*ask, "--rule", "nonsense", *extra)
        assert refused.exit_code != 0
        assert "there is no rule 'nonsense'" in refused.stderr
        kept = fractura(*ask, "--rule", "youden", "--prevalence", "0.1", *extra)
        assert kept.exit_code == 0, kept.stderr
        split = read_scorecard(tmp_path / "out" if extra else trained).of("test")
        assert [point["name"] for point in split.points or ()][-1] == "youden"
        assert split.prevalence == 0.1
    assert set(read_scorecard(trained).splits) == {"valid", "test"}


def test_the_file_is_made_once_for_its_weights(manifest, trained) -> None:
    file = trained / "model.onnx"
    before = file.stat().st_mtime_ns
    score(read_run(trained), manifest, EvaluationSettings("valid", leaks="leave out"))
    assert file.stat().st_mtime_ns == before
    file.write_bytes(b"damaged")
    score(read_run(trained), manifest, EvaluationSettings("valid", leaks="leave out"))
    assert file.stat().st_size > 1000


def test_a_detector_that_finds_nothing_is_measured_and_exported(fractura, tmp_path) -> None:
    mark = (Annotation(FRACTURE, Box(4, 4, 6, 6)),)
    manifest = write_noise(
        tmp_path, change=lambda index: {"annotations": mark if index % 2 else ()}
    )
    detector = DETECTOR.model_copy(
        update={"trainer": DETECTOR.trainer.model_copy(update={"epochs": 1})}
    )
    finished = run(detector, manifest, tmp_path / "run")
    split = score(finished, manifest, EvaluationSettings("valid", leaks="leave out")).of("valid")
    assert split.boxes
    assert split.figures["ap50"] is not None
    assert json.loads((tmp_path / "run" / "scorecard.json").read_text())["kind"] == "detection"
    assert split.figures["ap50"]["value"] == 0
    with pytest.warns(UserWarning, match="no box on the validation radiographs hits a fracture"):
        written = export(tmp_path / "run", tmp_path / "api.onnx")
    calibration = Model(written).description.calibration
    assert (calibration.box_weight, calibration.box_bias) == (1.0, 0.0)
    said = fractura("export", tmp_path / "run", "--out", tmp_path / "cli.onnx")
    assert said.exit_code == 0, said.stderr
    assert "AP50                           0.000" in said.stdout
    assert "Warning: no box on the validation radiographs hits a fracture" in said.stdout
    asked = fractura("evaluate", tmp_path / "cli.onnx", manifest, "--split", "valid",
                     "--out", tmp_path / "report", "--stress", "0")  # fmt: skip
    assert asked.exit_code == 0, asked.stderr
    assert read_scorecard(tmp_path / "report").of("valid").figures == split.figures
