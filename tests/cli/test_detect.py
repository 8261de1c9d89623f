import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fractura.batch.pictures import draw_reading, picture_name
from fractura.findings import Box, Finding, Reading
from fractura.imaging.load import load
from fractura.imaging.radiograph import Radiograph
from fractura.reading.calibration import OperatingPoint, OperatingPoints
from fractura.reading.reader import Reader


@pytest.fixture
def study(tmp_path, phantom_pngs):
    """Three good files and two bad ones, with names that are awkward."""
    folder = tmp_path / "study"
    (folder / "ward 3").mkdir(parents=True)
    shutil.copy(phantom_pngs[0], folder / "a.png")
    shutil.copy(phantom_pngs[1], folder / "ward 3" / "a.png")
    shutil.copy(phantom_pngs[2], folder / "Hüfte\n[red]\x1b[2J.png")
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("no picture")
    return folder


def _lines(text):
    return [json.loads(line) for line in text.splitlines()]


def _paths(folder):
    return [line["path"] for line in _lines((folder / "readings.jsonl").read_text())]


def test_json_has_the_documented_form(fractura, phantom_pngs):
    result = fractura("detect", phantom_pngs[0], "--json", "--all-findings")
    assert result.exit_code == 0
    (line,) = _lines(result.stdout)
    assert list(line) == [
        "schema", "path", "sha256", "model", "width", "height", "fracture", "findings",
        "region", "warnings", "milliseconds",
    ]  # fmt: skip
    assert line["path"] == str(phantom_pngs[0])
    assert len(line["sha256"]) == 64
    assert (line["width"], line["height"], line["warnings"]) == (200, 240, [])
    assert set(line["fracture"]) == {"probability", "decision", "reliable", "reason"}
    assert 0 <= line["fracture"]["probability"] <= 1
    assert line["fracture"]["decision"] in ("fracture", "no fracture", "uncertain")
    assert set(line["region"]) == {"label", "probability"}
    assert list(line["milliseconds"]) == ["decode", "preprocess", "network", "boxes"]
    scores = [finding["score"] for finding in line["findings"]]
    assert scores == sorted(scores, reverse=True)
    for finding in line["findings"]:
        assert list(finding) == ["label", "score", "box"]
        x_min, y_min, x_max, y_max = finding["box"]
        assert 0 <= x_min <= x_max <= 200
        assert 0 <= y_min <= y_max <= 240
    reading = Reader().read(load(phantom_pngs[0]), all_findings=True)
    assert Reading.from_dict(line) == Reading.from_dict(reading.as_dict())


def test_bad_files_among_good_ones(fractura, study):
    result = fractura("detect", "study", "gone.png", "--json", "--out", "out")
    assert result.exit_code == 1
    lines = _lines(result.stdout)
    assert [line["path"] for line in lines] == [
        "study/Hüfte\n[red]\x1b[2J.png", "study/a.png", "study/empty.jpg", "study/text.png",
        "study/ward 3/a.png", "gone.png",
    ]  # fmt: skip
    assert ["error" in line for line in lines] == [False, False, True, True, False, True]
    assert lines[2] == {
        "schema": 1,
        "path": "study/empty.jpg",
        "error": {"type": "DamagedFileError", "message": "study/empty.jpg: it is empty"},
    }
    out = study.parent / "out"
    assert _lines((out / "readings.jsonl").read_text()) == lines
    assert len((out / "readings.csv").read_text().splitlines()) > len(lines)
    pictures = sorted(path.name for path in (out / "pictures").glob("[!.]*"))
    assert pictures == sorted(picture_name(line["path"]) for line in lines if "error" not in line)


def test_the_table(fractura, study):
    result = fractura("detect", "study")
    assert result.exit_code == 1
    head, first, *others = result.stdout.splitlines()
    assert head.split() == ["DECISION", "PROBABILITY", "FINDINGS", "REGION", "FILE"]
    assert first.endswith("study/Hüfte\\n[red]\\x1b[2J.png")
    assert "\x1b" not in result.stdout
    assert others[1].split(maxsplit=1) == ["failed", "study/empty.jpg: it is empty"]
    assert others[-3].startswith("5 files: ")
    assert others[-3].endswith("2 failed.")
    assert "not a certified medical device" in others[-1]


def test_a_second_run_reads_only_what_changed(fractura, study, phantom_pngs):
    first = fractura("detect", "study", "--json", "--out", "out")
    stored = (study.parent / "out" / "readings.jsonl").read_bytes()
    again = fractura("detect", "study", "--json", "--out", "out")
    # Milliseconds differ whenever a file is read anew.
    assert again.stdout == first.stdout
    assert again.exit_code == 1
    assert (study.parent / "out" / "readings.jsonl").read_bytes() == stored

    shutil.copy(phantom_pngs[3], study / "a.png")
    shutil.copy(phantom_pngs[3], study / "empty.jpg")
    third = _lines(fractura("detect", "study", "--json", "--out", "out").stdout)
    before = _lines(first.stdout)
    assert [old == new for old, new in zip(before, third, strict=True)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert third[1]["sha256"] == third[2]["sha256"] != before[1]["sha256"]
    assert _lines((study.parent / "out" / "readings.jsonl").read_text()) == third


def test_unchanged_files_are_counted(fractura, study):
    fractura("detect", "study/a.png", "--out", "out")
    result = fractura("detect", "study/a.png", "study/ward 3", "--out", "out")
    assert "1 had been read before." in result.stdout


@pytest.mark.parametrize("option", ["--all-findings", "--heatmap", "--compare"])
def test_other_options_read_anew(fractura, study, option):
    first = fractura("detect", "study/a.png", "--json", "--out", "out")
    other = fractura("detect", "study/a.png", "--json", "--out", "out", option)
    assert other.stdout != first.stdout
    assert _lines((study.parent / "out" / "readings.jsonl").read_text()) == _lines(other.stdout)


def test_results_of_several_runs_gather(fractura, study):
    fractura("detect", "study/a.png", "--out", "out")
    fractura("detect", "study/ward 3", "--out", "out")
    assert _paths(study.parent / "out") == ["study/a.png", "study/ward 3/a.png"]


def test_own_pictures_are_not_read(fractura, study):
    for _ in range(2):
        fractura("detect", ".", "--out", ".")
    assert len(_paths(study.parent)) == 5


def test_pictures(fractura, study):
    plain = fractura("detect", "study/a.png", "--out", "plain")
    assert "Written to plain" in plain.stdout
    name = picture_name("study/a.png")
    fractura("detect", "study/a.png", "--out", "compared", "--compare", "--heatmap")
    picture = cv2.imread(str(study.parent / "plain" / "pictures" / name))
    compared = cv2.imread(str(study.parent / "compared" / "pictures" / name))
    assert picture.shape[0] > 900
    assert compared.shape[1] > 2.9 * picture.shape[1]
    assert np.ptp(picture.astype(int), axis=2).max() > 50  # the caption's colour


def test_frame_and_model_reach_the_reader(fractura, study, tmp_path):
    result = fractura("detect", "study/a.png", "--frame", 3, "--json")
    assert "there is no frame 3" in _lines(result.stdout)[0]["error"]["message"]
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    result = fractura("detect", "study/a.png", "--model", "bad.onnx")
    assert result.exit_code == 2
    assert "bad.onnx could not be opened" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.png"], "nothing to read: nowhere.png: there is no such file or folder"),
        (["study/a.png", "--heatmap"], "--out DIR"),
        (["study/a.png", "--model", "none-such"], "neither a shipped model nor a file"),
        (["study/a.png", "--frame", "0"], "--frame"),
        ([], "PATH"),
    ],
)
def test_wrong_usage(fractura, study, arguments, says):
    result = fractura("detect", *arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_fault_is_one_sentence_unless_debugging(fractura, study, monkeypatch):
    def fail(paths):
        raise RuntimeError("broken")

    monkeypatch.setattr("fractura.cli.detect.find_inputs", fail)
    result = fractura("detect", "study")
    assert result.exit_code == 1
    assert result.output.startswith("fractura: a fault in the program (RuntimeError: broken)")
    assert isinstance(fractura("--debug", "detect", "study").exception, RuntimeError)


def test_pictures_show_what_the_operating_points_list():
    points = OperatingPoints(OperatingPoint(0.2, 0.3), OperatingPoint(0.6, 0.7))
    radiograph = Radiograph(np.full((300, 200), 0.4, np.float32), "0" * 64)
    strong = Finding("fracture", 0.8, Box(20, 30, 60, 70))
    weak = Finding("fracture", 0.1, Box(20, 200, 60, 240))

    def draw(decision, *findings):
        reading = Reading(
            None, "", "stub 1", 200, 300, 0.5, decision, findings, "hand", 1.0, (), {}
        )
        return draw_reading(radiograph, reading, points)

    assert np.array_equal(draw("fracture", strong, weak), draw("fracture", strong))
    assert not np.array_equal(draw("fracture", strong), draw("fracture"))
    assert np.array_equal(draw("no fracture", strong, weak), draw("no fracture"))


def test_real_dicom_reads_the_same_in_every_lossless_encoding(fractura, shared_data):
    result = fractura("detect", shared_data / "dicom", "--json", "--all-findings")
    assert result.exit_code == 0
    lines = {Path(line["path"]).name: line for line in _lines(result.stdout)}
    assert len(lines) == 11
    same = [lines[f"RG3_{name}.dcm"] for name in ("UNC", "RLE", "J2KR", "JLSL", "JPLL")]
    for name in ("fracture", "findings", "region", "width", "height"):
        assert all(line[name] == same[0][name] for line in same)
