import csv
import json

import pytest

from tests.reading.networks import describe, write_constants


@pytest.fixture
def region(tmp_path):
    description = describe("region", ("hand", "leg, lower", "hip"))
    return write_constants(tmp_path / "region.onnx", description, logits=[[2.0, 1.0, 0.0]])


def test_table_json_and_csv_say_the_same(fractura, region, phantom_pngs, tmp_path):
    table = fractura("predict", region, *phantom_pngs[:2])
    assert table.exit_code == 0
    lines = table.stdout.splitlines()
    assert lines[0].split() == ["CLASS", "PROBABILITY", "FILE"]
    assert lines[1].split() == ["hand", "0.67", str(phantom_pngs[0])]
    assert [line.split()[-1] for line in lines[2:4]] == ["0.24", "0.09"]
    said = fractura("predict", region, *phantom_pngs[:2], "--json").stdout.splitlines()
    assert [json.loads(line)["path"] for line in said] == list(map(str, phantom_pngs[:2]))
    (first, _) = map(json.loads, said)
    assert list(first) == ["path", "sha256", "model", "class", "probabilities", "warnings"]
    assert first["probabilities"] == {"hand": 0.66524, "leg, lower": 0.24473, "hip": 0.09003}
    rows = list(
        csv.DictReader(fractura("predict", region, phantom_pngs[0], "--csv").stdout.splitlines())
    )
    assert (rows[0]["class"], rows[0]["leg, lower"], rows[0]["error"]) == ("hand", "0.24473", "")
    stored = fractura("predict", region, *phantom_pngs[:2], "--out", "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text().splitlines() == said
    assert stored.stdout.startswith("CLASS")


def test_bad_files_get_a_sentence_and_the_others_go_on(fractura, region, phantom_pngs, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    result = fractura("predict", region, "text.png", "none.png", phantom_pngs[0], "--out", "o.csv")
    assert result.exit_code == 1
    assert "text.png" in result.stdout
    with (tmp_path / "o.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == ["", "", "hand"]
    assert rows[0]["error_type"] == "UnsupportedFileError"
    assert "none.png" in rows[1]["error"]


def test_a_binary_model_gives_both_probabilities_and_detect_reads_it(
    fractura, phantom_pngs, tmp_path
):
    description = describe("binary-fracture", ("no fracture", "fracture"))
    path = write_constants(tmp_path / "binary.onnx", description, logits=[[0.0, 2.0]])
    line = json.loads(fractura("predict", path, phantom_pngs[0], "--json").stdout)
    assert line["probabilities"] == {"no fracture": 0.1192, "fracture": 0.8808}
    shown = fractura("detect", "--model", path, phantom_pngs[0], "--out", "results")
    assert shown.exit_code == 0
    assert "0.88" in shown.stdout
    with (tmp_path / "results" / "readings.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["decision"], row["region"], row["region_probability"]) == ("fracture", "", "")


def test_wrong_usage_is_one_sentence(fractura, region, phantom_pngs):
    both = fractura("predict", region, phantom_pngs[0], "--json", "--csv")
    assert (both.exit_code, both.stderr.count("\n")) == (2, 1)
    boxes = fractura("predict", "fractura-s", phantom_pngs[0])
    assert boxes.exit_code == 2
    assert "fractura detect" in boxes.stderr
    sent = fractura("detect", "--model", region, phantom_pngs[0])
    assert sent.exit_code == 2
    assert "fractura predict" in sent.stderr
