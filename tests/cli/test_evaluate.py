"""``fractura evaluate`` as its user meets it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.evaluation.scorecard_file import read_scorecard
from fractura.evaluation.stress import ood, robustness
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.reading.trained_on import KEY, pack
from tests.reading.networks import describe, write_constants


def record(number: int, fractured: bool, **fields: object) -> Record:
    return Record(
        id=f"made/{number}.png",
        path=Path(f"{number}.png"),
        source="made",
        label="fracture" if fractured else "no fracture",
        sha256=f"{number:064x}",
        regions=("hand",) if number % 2 else ("leg",),
        **{"split": "test", "group": f"g{number}", **fields},  # type: ignore[arg-type]
    )


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty cases of a test split and ten of training, and a table of probabilities."""
    records = [record(number, number % 4 == 0) for number in range(40)]
    records += [record(number, number % 4 == 0, split="train") for number in range(40, 50)]
    path = tmp_path / "manifest.parquet"
    write_manifest(path, Manifest(tuple(records)))
    random = np.random.default_rng(0)
    with (tmp_path / "other.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "probability"])
        for number in range(40):
            score = random.beta(4, 2) if number % 4 == 0 else random.beta(2, 4)
            writer.writerow([f"{number}.png", score])
    return path


@pytest.fixture
def leaking(tmp_path: Path, table: Path) -> Path:
    """The same, but two cases are copies of training radiographs and one is of a group there."""
    records = [record(number, number % 4 == 0) for number in range(40)]
    records += [record(number, number % 4 == 0, split="train") for number in range(40, 50)]
    records[0] = replace(records[0], sha256=records[40].sha256)
    records[1] = replace(records[1], sha256=records[41].sha256)
    records[2] = replace(records[2], group=records[42].group)
    path = tmp_path / "leaking.parquet"
    write_manifest(path, Manifest(tuple(records)))
    return path


def test_another_systems_table_gives_the_whole_report(fractura, table, tmp_path):
    result = fractura("evaluate", "other.csv", table, "--out", "a", "--samples", "200")
    assert result.exit_code == 0, result.stderr
    assert "auroc" in result.stdout
    assert {path.name for path in (tmp_path / "a").iterdir()} >= {
        "scorecard.json", "report.html", "model-card.md", "claim-2024.md", "stard-ai.md",
        "predictions.csv",
    }  # fmt: skip
    part = read_scorecard(tmp_path / "a").of("test")
    assert (part.cases, part.positives, part.leak) == (40, 10, None)
    with (tmp_path / "other.csv").open() as file:
        rows = [(float(row["probability"]), int(row["file"][:-4])) for row in csv.DictReader(file)]
    ones = [score for score, number in rows if number % 4 == 0]
    zeros = [score for score, number in rows if number % 4]
    wins = sum((one > zero) + (one == zero) / 2 for one in ones for zero in zeros)
    assert part.figures["auroc"]["value"] == pytest.approx(wins / len(ones) / len(zeros))
    assert part.figures["auroc"]["n"] == 40
    again = fractura("report", "a", "--out", "b")
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "b" / "model-card.md").read_text() == (
        tmp_path / "a" / "model-card.md"
    ).read_text()


def test_compare_takes_what_evaluate_wrote(fractura, table, tmp_path):
    text = (tmp_path / "other.csv").read_text().splitlines()
    worse = [text[0], *(f"{line.split(',')[0]},0.5" for line in text[1:])]
    (tmp_path / "worse.csv").write_text("\n".join(worse))
    for name in ("other", "worse"):
        options = ("--out", name, "--samples", "100")
        assert fractura("evaluate", f"{name}.csv", table, *options).exit_code == 0
    result = fractura("compare", "worse", "other", "--split", "test")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[2].startswith("other")
    assert lines[3].startswith("worse")


def test_a_leaking_split_is_refused_left_out_or_named_everywhere(fractura, leaking, tmp_path):
    refused = fractura("evaluate", "other.csv", leaking, "--out", "a")
    assert refused.exit_code == 1
    assert "3 of 40 cases are not new to the model" in refused.stderr
    assert "2 byte for byte the same" in refused.stderr
    assert not (tmp_path / "a" / "scorecard.json").exists()
    options = ("--samples", "100")
    kept = fractura("evaluate", "other.csv", leaking, "--out", "b", "--without-leaks", *options)
    assert kept.exit_code == 0, kept.stderr
    part = read_scorecard(tmp_path / "b").of("test")
    assert (part.cases, part.leak) == (37, None)
    assert any("3 cases" in note for note in part.notes)
    leaky = fractura("evaluate", "other.csv", leaking, "--out", "c", "--leaky", *options)
    assert leaky.exit_code == 0, leaky.stderr
    assert "3 of 40 cases are not new" in leaky.stdout
    page = (tmp_path / "c" / "report.html").read_text()
    captions = page.count("<caption")
    assert captions > 5
    assert page.count("3 of 40 cases") >= captions
    assert "3 of 40 cases" in (tmp_path / "c" / "model-card.md").read_text()


def test_thresholds_chosen_on_cases_that_come_again_are_a_leak(fractura, table):
    result = fractura("evaluate", "other.csv", table, "--split", "test", "--choose-on", "test")
    assert result.exit_code == 1
    assert "chooses thresholds" in result.stderr


def test_a_model_says_itself_what_it_has_seen(fractura, table, tmp_path):
    description = replace(
        describe("binary-fracture", ("no fracture", "fracture")),
        provenance={KEY: pack(["made/3.png", "elsewhere/1.png"])},
    )
    model = write_constants(tmp_path / "binary.onnx", description, logits=[[0.0, 1.0]])
    result = fractura("evaluate", model, table)
    assert result.exit_code == 1
    assert "1 of 40 cases are not new to the model: 1 themselves in training" in result.stderr


def test_a_model_reads_radiographs_changed_and_foreign(fractura, tmp_path, monkeypatch):
    monkeypatch.setattr(ood, "MADE", 2)
    monkeypatch.setattr(robustness, "robustness", partial(robustness.robustness, severities=(3,)))
    records = []
    for number in range(6):
        made = make_phantom(number, width=160, height=200, fracture="transverse")
        fractured = number % 2 == 0
        image = made if fractured else make_phantom(number, width=160, height=200)
        save_png(tmp_path / f"{number}.png", to_16_bit(image.radiograph.pixels))
        marks = [Annotation(FRACTURE, box) for box in made.boxes] if fractured else []
        one = replace(record(number, fractured), sha256=None, annotations=tuple(marks))
        records.append(one)
    write_manifest(tmp_path / "phantoms.parquet", Manifest(tuple(records)))
    result = fractura(
        "evaluate", "fractura-s", "phantoms.parquet", "--out", "a", "--samples", "100",
        "--stress", "2",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    part = read_scorecard(tmp_path / "a").of("test")
    sections = ("robustness", "metamorphic", "tta", "heatmaps", "ood", "gallery")
    assert all(getattr(part, name) for name in sections)
    lines = (tmp_path / "a" / "readings.jsonl").read_text().splitlines()
    assert [json.loads(line)["path"][-5:] for line in lines] == [f"{n}.png" for n in range(6)]
    again = fractura("evaluate", "a/readings.jsonl", "phantoms.parquet", "--samples", "100",
                     "--out", "b")  # fmt: skip
    assert again.exit_code == 0, again.stderr
    other = read_scorecard(tmp_path / "b").of("test")
    assert other.figures == part.figures
    assert other.cases_sha256 == part.cases_sha256


def test_a_model_of_several_classes(fractura, table, tmp_path):
    for number in range(40):
        save_png(tmp_path / f"{number}.png", np.full((8, 8), number, np.uint8))
    description = describe("region", ("hand", "leg", "hip"))
    model = write_constants(tmp_path / "region.onnx", description, logits=[[2.0, 1.0, 0.0]])
    result = fractura("evaluate", model, table, "--out", "a", "--samples", "100")
    assert result.exit_code == 0, result.stderr
    part = read_scorecard(tmp_path / "a").of("test")
    assert part.figures["accuracy"]["value"] == 0.5
    assert part.confusion == [[20, 0, 0], [20, 0, 0], [0, 0, 0]]
    assert (tmp_path / "a" / "report.html").is_file()


def test_wrong_usage_is_one_sentence(fractura, table):
    for arguments, words in (
        (("other.csv", table, "--leaky", "--without-leaks"), "contradict"),
        (("other.csv", table, "--rule", "youden"), "--choose-on"),
        (("other.csv", table, "--split", "valid"), "no radiograph in split valid"),
        (("none.csv", table), "none.csv"),
        (("other.csv", "none.parquet"), "none.parquet"),
    ):
        result = fractura("evaluate", *arguments)
        assert result.exit_code in (1, 2)
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
