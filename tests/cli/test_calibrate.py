"""The command: what it prints and writes, and what it refuses."""

import json

import numpy as np
import pytest

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import Record
from fractura.datasets.storage import write_manifest
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit


@pytest.fixture
def site(tmp_path):
    """Thirty pictures in valid, ten in test, and another system's overconfident answers."""
    random = np.random.default_rng(0)
    records, rows = [], ["id,probability"]
    for index in range(40):
        path = tmp_path / "pictures" / f"{index}.png"
        fractured = bool(random.random() < 0.5)
        records.append(
            Record(
                id=f"site/{index}",
                path=path,
                source="site",
                label="fracture" if fractured else "no fracture",
                split="valid" if index < 30 else "test",
            )
        )
        logit = 6 * random.normal(1 if fractured else -1, 1)
        rows.append(f"site/{index},{1 / (1 + np.exp(-logit)):.6f}")
    write_manifest(tmp_path / "site.parquet", Manifest(tuple(records)))
    (tmp_path / "theirs.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_other_answers_become_better_ones(fractura, site):
    result = fractura("calibrate", "theirs.csv", "site.parquet", "--out", "c.json")
    assert result.exit_code == 0
    assert result.stdout.startswith("30 cases, ")
    assert "log loss           change" in result.stdout
    assert "fewer than 100 of either class" in result.stderr
    content = json.loads((site / "c.json").read_text())
    assert (content["split"], content["method"], content["cases"]) == ("valid", "platt", 30)
    assert content["weight"] < 0.7
    result = fractura(
        "calibrate", "theirs.csv", "site.parquet", "--out", "b.csv", "--method", "isotonic"
    )
    assert result.exit_code == 0
    lines = (site / "b.csv").read_text().splitlines()
    assert lines[0] == "id,probability,model"
    assert len(lines) == 41
    assert lines[40].endswith("theirs+isotonic")
    again = fractura("calibrate", "b.csv", "site.parquet", "--split", "test", "--out", "d.json")
    assert again.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("theirs.csv", "site.parquet", "--out", "c.txt"), "none of .onnx, .csv and .json"),
        (("theirs.csv", "site.parquet", "--out", "c.onnx"), "no model file of fractura"),
        (
            ("fractura-s", "site.parquet", "--out", "c.onnx", "--method", "isotonic"),
            "cannot be stored in a model file",
        ),
        (
            ("theirs.csv", "site.parquet", "--out", "c.json", "--split", "train"),
            "no radiograph in split train",
        ),
    ],
)
def test_wrong_usage(fractura, site, arguments, sentence):
    result = fractura("calibrate", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not list(site.glob("c.*"))


def test_a_recalibrated_model_reads_as_it_was_told(fractura, site):
    (site / "pictures").mkdir()
    for index in range(30):
        picture = make_phantom(index, width=96, height=112).radiograph.pixels
        save_png(site / "pictures" / f"{index}.png", to_16_bit(picture))
    made = fractura(
        *("calibrate", "fractura-s", "site.parquet", "--method", "temperature", "--out", "s.onnx")
    )
    assert made.exit_code == 0, made.output
    assert "Uncertain from 0." in made.stdout
    before = _read(fractura("detect", "pictures/0.png", "--json"))
    after = _read(fractura("detect", "pictures/0.png", "--json", "--model", "s.onnx"))
    assert after["model"] == f"{before['model']}+temperature"
    weight = np.log(after["p"] / (1 - after["p"])) / np.log(before["p"] / (1 - before["p"]))
    again = fractura(
        *("calibrate", "fractura-s", "site.parquet", "--method", "temperature", "--out", "s.json")
    )
    assert again.exit_code == 0
    assert json.loads((site / "s.json").read_text())["weight"] == pytest.approx(weight, rel=1e-2)


def _read(result):
    reading = json.loads(result.stdout)
    return {**reading, "p": reading["fracture"]["probability"]}
