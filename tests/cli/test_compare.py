"""``fractura compare``: the exact table, its order, what it refuses, and its files."""

from __future__ import annotations

import copy
import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from fractura.cli import _Commands
from fractura.cli.compare import compare
from fractura.evaluation.classes import class_split
from fractura.evaluation.predictions.run_table import run_predictions, write_predictions
from fractura.evaluation.scorecard import Cost, Provenance, Scorecard
from fractura.evaluation.scorecard_file import scorecard_from, write_scorecard
from fractura.evaluation.sections import evaluate_cases
from tests.evaluation.boxed import boxed_cases

COST = Cost(11_180_000, 14.25, 1, 360.0, 8, 63.5, 128, "none")
ORIGIN = Provenance("resnet18", "wrist", "ab" * 32, 0, {"torch": "2.6"}, "f00ba4", "2026-11-21")
IDS = [f"case-{number}" for number in range(12)]
TRUTH = np.array([0, 1] * 6)
CLASSES = ("no fracture", "fracture")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command with what its group does about errors."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer(cls=_Commands)
    app.command("compare")(compare)

    @app.callback()
    def group(debug: bool = False) -> None: ...

    return lambda *arguments: CliRunner().invoke(app, ["compare", *map(str, arguments)])


def figures(value, low, high, n=12):
    return {"value": value, "low": low, "high": high, "n": n}


def hand_made(model, auroc, accuracy, latency, **provenance):
    """A small scorecard with figures that are known by heart."""
    return {
        "schema": 2, "model": model, "task": "binary-fracture", "kind": "classification",
        "classes": list(CLASSES),
        "cost": {
            "parameters": 11_180_000, "latency_ms": latency, "threads": 1,
            "training_seconds": 360.0, "epochs": 8, "images_per_second": 63.5,
            "input_side": 128, "started_from": "none",
        },
        "provenance": {
            "model": model, "recipe": "wrist", "manifest_hash": "ab" * 32, "seed": 0,
            "versions": {},
            "revision": None, "date": "2026-11-21", **provenance,
        },
        "splits": {"valid": {
            "cases": 12, "clusters": 6, "cases_sha256": "c0" * 32,
            "interval": "95 %, cluster bootstrap, 2000 samples", "main": "auroc",
            "figures": {"auroc": auroc, "accuracy": accuracy},
            "classes": {}, "confusion": [[5, 1], [2, 4]],
            "baseline": {
                "class": "no fracture", "figures": {"accuracy": figures(0.5, 0.25, 0.75)},
            },
        }},
    }  # fmt: skip


LOW = hand_made("vgg16", figures(0.71234, 0.5, 0.9), figures(0.8, 0.6, 0.95), 98.04)
HIGH = hand_made("resnet18", figures(0.9, 0.8, 0.97), figures(0.75, 0.5, 0.9), 14.25)
UNKNOWN = hand_made("custom-cnn", figures(None, None, None), figures(0.5, None, None), None)


def written(folder, scorecard):
    folder.mkdir(parents=True)
    whole = scorecard if isinstance(scorecard, Scorecard) else scorecard_from(scorecard)
    write_scorecard(folder / "scorecard.json", whole)
    return folder


def test_the_exact_table_best_first(tmp_path, run):
    cards = {"a": UNKNOWN, "b": LOW, "c": HIGH}
    paths = [written(tmp_path / name, card) for name, card in cards.items()]
    result = run(*paths, "--out", "out")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    cost = "11.18 | 128 | 8 | 6 min | 63.5 |"
    assert text.split("\n\n")[2].splitlines() == [
        "| model | started from | AUROC | accuracy | CPU, ms | parameters, M | input side "
        "| epochs | training | images/s |",
        "| --- | --- |" + " ---: |" * 8,
        f"| resnet18 | none | **0.900** (0.800–0.970) | 0.750 (0.500–0.900) | **14.2** | {cost}",
        f"| vgg16 | none | 0.712 (0.500–0.900) | **0.800** (0.600–0.950) | 98.0 | {cost}",
        f"| custom-cnn | none | – | 0.500 | – | {cost}",
        "| always “no fracture” | – | – | 0.500 (0.250–0.750) |" + " – |" * 6,
    ]
    assert "No paired tests: there is no predictions.csv beside resnet18." in text
    lines = [line.split()[0] for line in result.stdout.splitlines() if line.strip()]
    assert lines[0] == "model"
    assert lines[2:6] == ["resnet18", "vgg16", "custom-cnn", "always"]


def test_the_csv_holds_what_the_scorecards_say(tmp_path, run):
    paths = [written(tmp_path / str(n), card) for n, card in enumerate((LOW, HIGH, UNKNOWN))]
    run(*paths, "--out", "out")
    with (tmp_path / "out" / "comparison.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["resnet18", "vgg16", "custom-cnn"]
    for card in (LOW, HIGH, UNKNOWN):
        row, split = rows[card["model"]], card["splits"]["valid"]
        for name, figure in split["figures"].items():
            read = [row[f"{name}{end}"] for end in ("", "_low", "_high", "_n")]
            assert [float(text) if text else None for text in read] == list(figure.values())
        for name, value in card["cost"].items():
            assert row[name] == ("" if value is None else str(value))
        assert (row["manifest_hash"], row["split"], row["cases"]) == ("ab" * 32, "valid", "12")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda card: card.update(task="abnormality"), "different tasks"),
        (lambda card: card.update(classes=["fracture", "no fracture"]), "different classes"),
        (lambda card: card["provenance"].update(manifest_hash="cd" * 32), "different manifests"),
        (lambda card: card["splits"]["valid"].update(cases_sha256="dd" * 32), "cases or labels"),
        (lambda card: card["splits"].update(test=card["splits"].pop("valid")), "it has: test"),
        (lambda card: card.update(schema=9), "its schema is 9"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_in_one_sentence(tmp_path, run, spoil, sentence):
    other = copy.deepcopy(LOW)
    spoil(other)
    paths = [written(tmp_path / "a", HIGH)]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "scorecard.json").write_text(json.dumps(other))
    result = run(*paths, tmp_path / "b", "--out", "out")
    assert result.exit_code == 2
    assert sentence in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_one_run_twice_is_refused_and_one_alone_is_shown(tmp_path, run):
    folder = written(tmp_path / "a", HIGH)
    result = run(folder, folder / "scorecard.json", "--out", "out")
    assert result.exit_code == 2
    assert "given twice" in result.output
    assert run(folder, "--out", "out").exit_code == 0
    assert "**" not in (tmp_path / "out" / "comparison.md").read_text("utf-8")


def test_like_named_runs_get_names_that_differ(tmp_path, run):
    scratch = copy.deepcopy(LOW) | {"model": "resnet18"}
    scratch["provenance"]["recipe"] = "wrist-scratch"
    cards = {"a": HIGH, "b": scratch, "c": scratch, "d": LOW}
    paths = [written(tmp_path / name, card) for name, card in cards.items()]
    run(*paths, "--out", "out")
    with (tmp_path / "out" / "comparison.csv").open(newline="") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert names == ["resnet18 (wrist)", "resnet18 (b)", "resnet18 (c)", "vgg16"]


def scorecard(model, task, kind, splits):
    origin = replace(ORIGIN, model=model)
    return Scorecard(model, task, kind, CLASSES, COST, origin, splits)


def measured(folder, model, skill, *, ids=IDS, truth=TRUTH):
    """A run with predictions beside its scorecard."""
    random = np.random.default_rng(0)
    shares = np.clip(random.normal(0.5, 0.2, len(ids)) + skill * (truth - 0.5), 0, 1)
    both = np.stack([1 - shares, shares], axis=1)
    cases = run_predictions(ids, ids, truth, both, CLASSES)
    split = class_split(cases, "binary-fracture", samples=50)
    written(folder, scorecard(model, "binary-fracture", "classification", {"valid": split}))
    write_predictions(folder / "predictions.csv", {"valid": cases})
    return folder


def test_paired_tests_where_predictions_are_of_the_same_cases(tmp_path, run):
    paths = [measured(tmp_path / "a", "vgg16", 0.1), measured(tmp_path / "b", "resnet18", 0.6)]
    paths.append(measured(tmp_path / "c", "custom-cnn", 0.0))
    cases = run_predictions(IDS[:-1], IDS[:-1], TRUTH[:-1], np.full((11, 2), 0.5), CLASSES)
    write_predictions(paths[2] / "predictions.csv", {"valid": cases})
    assert run(*paths, "--out", "out").exit_code == 0
    text = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert "| run | difference in AUROC | 95 % interval | DeLong's p | McNemar's p |" in text
    assert re.search(
        r"\n\| vgg16 \| -0\.\d{3} \| -\d\.\d{3} to [+-]\d\.\d{3} \| [<.\d ]+ \| [.\d]+ \|", text
    )
    assert "custom-cnn was not tested: its predictions are of other cases." in text


def test_scorecards_with_names_of_their_own_bring_their_predictions(tmp_path, run):
    for name, skill in (("vgg16", 0.1), ("resnet18", 0.6)):
        folder = measured(tmp_path / name, "resnet18", skill)
        for file in ("scorecard.json", "predictions.csv"):
            (folder / file).rename(tmp_path / f"{name}.{file}")
    result = run(*tmp_path.glob("*.json"), "--out", "out")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert "Against resnet18 (resnet18) on the same cases" in text
    assert "not tested" not in text


def test_the_page_fetches_nothing_and_escapes_names(tmp_path, run):
    paths = [measured(tmp_path / "a", "<b>vgg16|", 0.1), measured(tmp_path / "b", "resnet", 0.6)]
    assert run(*paths, "--out", "out").exit_code == 0
    page = (tmp_path / "out" / "comparison.html").read_text("utf-8")
    assert "&lt;b&gt;vgg16|" in page
    assert "<b>vgg16" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert page.count("data:image/svg+xml") == 4
    assert "<strong>" in page
    assert "<b>vgg16\\|" in (tmp_path / "out" / "comparison.md").read_text("utf-8")


def test_detectors_and_the_multi_task_network_side_by_side(tmp_path, run):
    for name, shift, task in (("fractura", 1, "multi-task"), ("fcos", 20, "detection")):
        box = np.array([[10.0, 10, 40, 40]])
        images = [
            (box + shift, np.array([0.4 + number / 50]), box if yes else box[:0])
            for number, yes in enumerate(TRUTH)
        ]
        cases = boxed_cases(images, TRUTH == 1, np.full(12, 0.4))
        split = evaluate_cases(cases, samples=20)
        written(tmp_path / name, scorecard(name, task, "detection", {"test": split}))
    result = run(tmp_path / "fcos", tmp_path / "fractura", "--out", "out", "--split", "test")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "out" / "comparison.md").read_text("utf-8")
    assert text.startswith("## 2 runs of detection, split “test”")
    assert text.index("| fractura |") < text.index("| fcos |")
    assert "12 cases (6 fractured, 6 boxes)" in text
