"""Whole training runs in miniature: what they leave, their resumption, and what stops them."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from fractura.errors import FracturaError, RunExistsError, SaveError
from fractura.evaluation.evaluate import EvaluationSettings
from fractura.training import module
from fractura.training.recipe import Recipe, read_recipe, recipe_yaml
from fractura.training.run_folder import read_run
from fractura.training.score import score

from .noise import CLASSIFIER, DETECTOR, MULTI_TASK, TWO_STAGE, recipe, run, write_noise

KINDS = {
    "classifier": CLASSIFIER,
    "detector": DETECTOR,
    "multi-task": MULTI_TASK,
    "two-stage": TWO_STAGE,
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noise(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module")
def whole(manifest: Path) -> Path:
    """A finished run of the classifier."""
    out = manifest.parent / "whole"
    settings = EvaluationSettings("valid", samples=100)
    score(run(CLASSIFIER, manifest, out), manifest, settings)
    return out


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def same_run(one: Path, other: Path) -> None:
    """Every tensor of the last checkpoint, and every figure but the seconds."""
    first, second = (torch.load(path / "last.ckpt", weights_only=True) for path in (one, other))
    states = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers")
    for name in states:
        torch.testing.assert_close(first.get(name), second.get(name), rtol=0, atol=0, msg=name)
    for name in ("weights.safetensors", "split.json", "recipe.yaml"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    for ours, theirs in zip(rows(one), rows(other), strict=True):
        assert {**ours, "seconds": ""} == {**theirs, "seconds": ""}


def die_in(epoch: int, patch: pytest.MonkeyPatch) -> None:
    step = module.Training.training_step

    def die(self: Any, batch: Any, index: int) -> torch.Tensor:
        if self.current_epoch == epoch and index == 1:
            raise RuntimeError("power cut")
        return step(self, batch, index)

    patch.setattr(module.Training, "training_step", die)


def cut_and_resume(chosen: Recipe, manifest: Path, out: Path, workers: tuple[int, int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        die_in(chosen.trainer.epochs // 2, patch)
        with pytest.raises(RuntimeError, match="power cut"):
            run(chosen, manifest, out, workers=workers[0])
    assert len(rows(out)) == chosen.trainer.epochs // 2
    run(chosen, manifest, out, resume=True, workers=workers[1])


def test_the_run_folder_tells_what_happened(whole: Path) -> None:
    names = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    assert names == {
        *(
            "recipe.yaml",
            "run.json",
            "split.json",
            "metrics.csv",
            "last.ckpt",
            "model.onnx",
            "best.ckpt",
        ),
        *("weights.safetensors", "plots/curves.png", "plots/samples.png"),
        *("scorecard.json", "predictions.csv", ".lock"),
    }
    assert read_recipe(whole / "recipe.yaml") == CLASSIFIER
    found = rows(whole)
    assert [row["epoch"] for row in found] == ["1", "2", "3", "4"]
    assert all(float(row["loss_epoch"]) > 0 and row["valid/auroc"] for row in found)
    assert [float(row["backbone_lr"]) > 0 for row in found] == [True, True, True, True]
    for name in ("curves", "samples"):
        height, width = cv2.imread(str(whole / "plots" / f"{name}.png")).shape[:2]
        assert 300 < height < 2000
        assert 300 < width < 2000
    info = json.loads((whole / "run.json").read_text())
    assert info["epochs"] == 4
    assert info["classes"] == ["no fracture", "fracture"]
    assert {name: sum(part.values()) for name, part in info["counts"].items()} == {
        "train": 18,
        "valid": 6,
    }
    card = json.loads((whole / "scorecard.json").read_text())
    assert card["splits"]["valid"]["figures"]["auroc"]["n"] == 6


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_an_uninterrupted_one(
    kind: str, manifest: Path, whole: Path, tmp_path: Path
) -> None:
    chosen = KINDS[kind]
    workers = {"classifier": (1, 0)}.get(kind, (0, 0))
    cut_and_resume(chosen, manifest, tmp_path / "cut", workers)
    if kind != "classifier":
        whole = tmp_path / "whole"
        run(chosen, manifest, whole)
    same_run(whole, tmp_path / "cut")


def test_a_moved_folder_keeps_its_best_epoch(manifest: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        die_in(2, patch)
        with pytest.raises(RuntimeError, match="power cut"):
            run(CLASSIFIER, manifest, tmp_path / "before")
    (tmp_path / ".deadbeef.part").touch()
    (tmp_path / "before").rename(tmp_path / "after")
    orphan = tmp_path / "after" / ".deadbeef.part"
    orphan.touch()
    run(CLASSIFIER, manifest, tmp_path / "after", resume=True)
    same_run(whole, tmp_path / "after")
    assert not orphan.exists()


def test_early_stopping_stops_and_stays_so(manifest: Path, tmp_path: Path) -> None:
    chosen = recipe(
        trainer={"epochs": 9, "patience": 1, "monitor": "valid/loss"},
        optimizer={"head_lr": 1e-9, "backbone_lr": 1e-9},
        model={"dropout": 0},
    )
    out = tmp_path / "run"
    run(chosen, manifest, out)
    stopped = rows(out)
    assert len(stopped) < 9
    losses = [float(row["valid/loss"]) for row in stopped]
    best = torch.load(out / "best.ckpt", weights_only=True)["epoch"]
    assert losses.index(min(losses)) == best
    run(chosen, manifest, out, resume=True)
    assert rows(out) == stopped


def test_a_loss_that_is_not_finite(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    step = module.Training.training_step

    def spoil(self: Any, batch: Any, index: int) -> torch.Tensor:
        if self.current_epoch == 1:
            batch = batch._replace(images=batch.images * float("nan"))
        return step(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Training, "training_step", spoil)
        with pytest.raises(FracturaError, match=r"is nan in epoch 2, batch 1; lower optimizer\.h"):
            run(recipe(), manifest, out)
    before = torch.load(out / "last.ckpt", weights_only=True)
    used = []

    def note(self: Any, batch: Any, index: int) -> torch.Tensor:
        group = self.trainer.optimizers[0].param_groups[-1]
        used.append((group["lr"], group["weight_decay"]))
        return step(self, batch, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Training, "training_step", note)
        gentler = recipe(optimizer={"head_lr": 1e-5, "weight_decay": 0.5})
        run(gentler, manifest, out, resume=True)
    assert used[0] == pytest.approx((before_rate(before) * 1e-2, 0.5))


def before_rate(checkpoint: dict[str, Any]) -> float:
    return float(checkpoint["optimizer_states"][0]["param_groups"][-1]["lr"])


def test_broken_weights_get_into_no_checkpoint(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(self: Any, *_: Any) -> None:
        if self.current_epoch == 1:
            next(self.network.parameters()).data.fill_(float("nan"))

    monkeypatch.setattr(module.Training, "on_train_batch_end", spoil)
    for validate_every in (1, 2):
        out = tmp_path / str(validate_every)
        chosen = recipe(trainer={"validate_every": validate_every, "epochs": 3, "batch_size": 18})
        with pytest.raises(FracturaError, match="weights are no longer finite in epoch 2"):
            run(chosen, manifest, out)
        assert torch.load(out / "last.ckpt", weights_only=True)["epoch"] == 0


def test_a_full_disk_keeps_the_last_good_checkpoint(
    manifest: Path, whole: Path, tmp_path: Path
) -> None:
    sync, out = os.fsync, tmp_path / "run"

    def full(descriptor: int) -> None:
        if len(list(out.glob("metrics.csv"))) and len(rows(out)) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SaveError, match=r"could not be written \(No space left"):
            run(CLASSIFIER, manifest, out)
    assert torch.load(out / "last.ckpt", weights_only=True)["epoch"] == 0
    assert not list(out.rglob(".*.part"))
    run(CLASSIFIER, manifest, out, resume=True)
    same_run(whole, out)


def test_what_cannot_be_gone_on_with(manifest: Path, whole: Path, tmp_path: Path) -> None:
    other = write_noise(tmp_path / "other", 28)
    with pytest.raises(RunExistsError, match="already holds a run"):
        run(CLASSIFIER, manifest, whole)
    with pytest.raises(FracturaError, match="the manifest is not the one"):
        run(CLASSIFIER, other, whole, resume=True)
    for part in ({"model": {"dropout": 0.1}}, {"optimizer": {"name": "sgd"}}):
        with pytest.raises(FracturaError, match=rf"the recipe's {next(iter(part))}.*recipe\.yaml"):
            run(recipe(**part), manifest, whole, resume=True)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (recipe(trainer={"monitor": "valid/acc"}), r"valid/acc cannot be measured.*valid/accuracy"),
        (recipe(trainer={"precision": "fp16"}), "trainer.precision=fp16 needs a GPU"),
        (recipe(task="fracture-type"), "in the column fracture_types; this task needs it"),
        (recipe(task="region", data={"classes": ["hand", "hip"]}), "'hip' has no training"),
        (recipe(task="detection"), "custom-cnn cannot do the task detection"),
        (recipe(data={"fold": 3}), r"no radiograph to hold out \(fold\)"),
    ],
)
def test_what_cannot_be_trained(chosen: Recipe, words: str, manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match=words):
        run(chosen, manifest, tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_one_class_to_validate_on(tmp_path: Path) -> None:
    sound = {"label": "no fracture", "annotations": ()}
    manifest = write_noise(tmp_path, 24, lambda index: sound if index % 4 == 3 else {})
    with pytest.raises(FracturaError, match="valid/auroc cannot be measured"):
        run(recipe(), manifest, tmp_path / "run")
    run(recipe(trainer={"monitor": "valid/accuracy", "epochs": 1}), manifest, tmp_path / "run")


def test_unreadable_radiographs(tmp_path: Path) -> None:
    manifest, said = write_noise(tmp_path), []
    (tmp_path / "0.png").write_bytes(b"nothing")
    from fractura.training.run import train
    from fractura.training.trainer import Machine

    machine = Machine(0, "cpu", "1")
    done = train(
        recipe(trainer={"epochs": 1}), manifest, tmp_path / "a", machine=machine, log=said.append
    )
    assert "noise/0" not in done.split["train"]
    assert len(said) == 1
    assert "0.png" in said[0]
    assert said[0].endswith("; it is left out")
    (tmp_path / "3.png").write_bytes(b"nothing")
    with pytest.raises(FracturaError, match=r"3\.png.*repair it, or leave it out"):
        run(recipe(), manifest, tmp_path / "b")
    for index in range(0, 24, 3):
        (tmp_path / f"{index}.png").write_bytes(b"nothing")
    with pytest.raises(FracturaError, match="'fracture' has no training radiograph"):
        run(recipe(), manifest, tmp_path / "c")


def test_fewer_radiographs_than_a_batch(manifest: Path, tmp_path: Path) -> None:
    run(recipe(trainer={"batch_size": 64, "epochs": 1}), manifest, tmp_path / "run")
    assert rows(tmp_path / "run")[0]["images"] == "18"


def command(manifest: Path, out: Path, *more: str) -> list[str]:
    path = out.with_suffix(".yaml")
    path.write_text(recipe_yaml(recipe(trainer={"epochs": 300})))
    machine = ("--accelerator", "cpu", "--devices", "1", "--workers", "1")
    start = [sys.executable, "-m", "fractura.cli", "train", str(path)]
    return [*start, "--manifest", str(manifest), "--out", str(out), *machine, *more]


def started(environment: dict[str, str], arguments: list[str], out: Path) -> Any:
    process = subprocess.Popen(
        arguments,
        env={**environment, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(6000):
        if (out / "last.ckpt").exists() or process.poll() is not None:
            return process
        time.sleep(0.05)
    raise TimeoutError


def test_kill_then_interrupt_then_go_on(
    manifest: Path, tmp_path: Path, command_environment: dict[str, str]
) -> None:
    out = tmp_path / "run"
    process = started(command_environment, command(manifest, out), out)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    killed = torch.load(out / "last.ckpt", weights_only=True)["epoch"]
    mark = (out / "last.ckpt").stat().st_mtime_ns
    process = started(command_environment, command(manifest, out, "--resume"), out)
    while process.poll() is None and (out / "last.ckpt").stat().st_mtime_ns == mark:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    kept = f"{out / 'last.ckpt'} holds the last whole epoch"
    assert errors == f"fractura: stopped; {kept}; go on with --resume\n"
    assert process.returncode == 130
    stopped = torch.load(out / "last.ckpt", weights_only=True)["epoch"]
    assert stopped > killed
    assert len(rows(out)) >= stopped + 1
    shorter = recipe(trainer={"epochs": stopped + 2})
    run(shorter, manifest, out, resume=True)
    assert [int(row["epoch"]) for row in rows(out)] == list(range(1, stopped + 3))
    assert read_run(out).info["epochs"] == stopped + 2


def test_two_processes_measure_like_one(
    manifest: Path, tmp_path: Path, command_environment: dict[str, str]
) -> None:
    """A network without batch norm; the sums of the gradients are rounded in another order."""
    chosen = recipe(
        model={"name": "test_vit", "dropout": 0},
        data={"preprocess": {"long_side": 64, "multiple": 64}},
    )
    run(chosen, manifest, tmp_path / "one")
    (tmp_path / "two.yaml").write_text(recipe_yaml(chosen))
    arguments = ["--manifest", manifest, "--out", tmp_path / "two", "--workers", 0]
    processes = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", "-m", "fractura.cli", "train", tmp_path / "two.yaml"),
            *("--accelerator", "cpu", "--devices", "2", *map(str, arguments)),
        ],
        env={**command_environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert processes.returncode == 0, processes.stderr
    assert processes.stdout.count("The run is in") == 1
    for ours, theirs in zip(rows(tmp_path / "one"), rows(tmp_path / "two"), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"seconds"}:
            assert float(theirs[name]) == pytest.approx(float(ours[name]), abs=1e-4), name
