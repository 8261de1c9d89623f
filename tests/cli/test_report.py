"""``fractura report``: what it writes, where, and what it refuses."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from fractura.cli import _Commands
from fractura.cli.report import report
from tests.evaluation.report.example import SPLIT, example

FILES = {"report.html", "model-card.md", "claim-2024.md", "stard-ai.md"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command with what its group does about errors."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer(cls=_Commands)
    app.command("report")(report)

    @app.callback()
    def group(debug: bool = False) -> None: ...

    return lambda *arguments: CliRunner().invoke(app, ["report", *map(str, arguments)])


@pytest.fixture
def card(tmp_path):
    """A folder with a short scorecard."""
    content = example()
    kept = ("cases", "clusters", "cases_sha256", "interval", "main", "figures")
    split = content["splits"][SPLIT]
    content["splits"] = {SPLIT: {key: split[key] for key in kept}}
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "scorecard.json").write_text(json.dumps(content))
    return folder


def test_it_writes_beside_the_scorecard(run, card):
    result = run(card)
    assert result.exit_code == 0
    assert "report.html" in result.stdout
    assert {path.name for path in card.iterdir()} == FILES | {"scorecard.json"}


def test_it_writes_elsewhere_from_the_file_alone(run, card, tmp_path):
    assert run(card / "scorecard.json", "--split", SPLIT, "--out", tmp_path / "a/b").exit_code == 0
    assert {path.name for path in (tmp_path / "a/b").iterdir()} == FILES


def test_of_several_splits_one_must_be_chosen(run, card):
    content = json.loads((card / "scorecard.json").read_text())
    content["splits"]["test"] = content["splits"][SPLIT]
    (card / "scorecard.json").write_text(json.dumps(content))
    result = run(card)
    assert result.exit_code == 2
    assert "has the splits valid, test; choose one with --split NAME" in result.stderr
    assert run(card, "--split", "test").exit_code == 0
    assert "split “test”" in (card / "model-card.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("results", "--split", "train"), "no split train; it has: valid"),
        (("nowhere",), "not a readable scorecard"),
        ((".",), "holds no scorecard.json"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(run, card, arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
