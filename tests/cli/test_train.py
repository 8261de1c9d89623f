"""``fractura train`` and ``fractura evaluate``, as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import pytest

from tests.training.noise import recipe, write_noise

pytest.importorskip("lightning")
from fractura.training.recipe import recipe_yaml

MACHINE = ("--accelerator", "cpu", "--devices", 1, "--workers", 0)


@pytest.fixture
def start(fractura: Any, tmp_path: Path) -> Any:
    """Runs ``fractura train`` on pictures of noise."""
    manifest = write_noise(tmp_path / "data")
    (tmp_path / "tiny.yaml").write_text(recipe_yaml(recipe(trainer={"epochs": 1})))
    return lambda *more: fractura("train", "tiny.yaml", "--manifest", manifest, *MACHINE, *more)


def test_train_then_go_on_then_evaluate(start: Any, fractura: Any, tmp_path: Path) -> None:
    result = start()
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] == "The run is in runs/tiny."
    again = start()
    assert again.exit_code == 1
    assert again.stderr.startswith("fractura: runs/tiny already holds a run; go on with --resume")
    longer = start("--resume", "--set", "trainer.epochs=2", "--tensorboard")
    assert longer.exit_code == 0, longer.stderr
    assert longer.stdout.startswith("Going on with changes: trainer.epochs from 1 to 2.\n")
    run = tmp_path / "runs" / "tiny"
    assert len((run / "metrics.csv").read_text().splitlines()) == 3
    assert list((run / "tensorboard").glob("events*"))
    manifest = tmp_path / "data" / "m.parquet"
    assert fractura("evaluate", run, manifest, "--split", "valid").exit_code == 0
    none = fractura("evaluate", run, manifest)
    assert none.exit_code == 1
    assert none.stderr.endswith("no radiograph of the run's classes in split test\n")
    assert list(json.loads((run / "scorecard.json").read_text())["splits"]) == ["valid"]


def test_preview(start: Any, tmp_path: Path) -> None:
    result = start("--preview", "preview.png")
    assert (result.exit_code, result.stdout) == (0, "Wrote preview.png.\n")
    height, width = cv2.imread(str(tmp_path / "preview.png")).shape[:2]
    assert (height, width) == (6 * 38, 6 * 38)
    assert not (tmp_path / "runs").exists() or not (tmp_path / "runs" / "tiny").exists()


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        (
            ("--set", "trainer.epoch=3"),
            2,
            "trainer.epoch is no field; did you mean trainer.epochs?",
        ),
        (("--set", "trainer.epochs"), 2, "write it as trainer.epochs=3"),
        (("--set", "model.name=resnt18"), 1, "resnet18"),
        (("--set", "trainer.monitor=valid/acc"), 1, "set trainer.monitor to one of valid/loss"),
        (("--set", "trainer.precision=fp16"), 1, "trainer.precision=fp16 needs a GPU"),
        (("--devices", "two"), 1, "change --accelerator cpu or --devices two"),
        (("--accelerator", "gpu"), 1, "--accelerator gpu"),
    ],
)
def test_one_sentence_for_what_is_wrong(start: Any, more: Any, status: int, words: str) -> None:
    result = start(*more)
    assert result.exit_code == status
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
