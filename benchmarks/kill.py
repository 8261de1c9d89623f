"""Kill a training at random moments, and see that it never loses its last good checkpoint.

A run of the custom CNN on phantoms is started, killed with SIGKILL after a random time, and
resumed, again and again. After each kill the last checkpoint must load, and no epoch that was in it
may be lost. In the end the run goes on undisturbed, and every tensor must equal those of a run that
was never killed.

    python benchmarks/kill.py --kills 20
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
import torch

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.training.recipe import Recipe, parse_recipe
from fractura.training.run import train
from fractura.training.trainer import Machine

RADIOGRAPHS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), settings)


def measure(root: Path, settings: argparse.Namespace) -> None:
    manifest = write_phantoms(root)
    recipe = parse_recipe(
        {
            "name": "killed",
            "task": "binary-fracture",
            "model": {"name": "custom-cnn", "pretrained": "none"},
            "data": {"preprocess": {"long_side": 64, "multiple": 64}},
            "objective": {"mixup": 0.2},
            "freeze": {"epochs": 1},
            "trainer": {"epochs": settings.epochs, "batch_size": 6, "ema_decay": 0.9},
        },
        "killed",
    )
    machine = Machine(settings.workers, "cpu", "1")
    whole, killed = root / "whole", root / "killed"
    start = time.perf_counter()
    os.waitpid(begin(recipe, manifest, whole, machine), 0)
    seconds = time.perf_counter() - start
    print(f"uninterrupted: {settings.epochs} epochs in {seconds:.1f} s")
    random = np.random.default_rng(settings.seed)
    last = killed / "last.ckpt"
    reached, interrupted_writes = -1, 0
    for number in range(settings.kills):
        child = begin(recipe, manifest, killed, machine)
        time.sleep(random.uniform(0, 3 * seconds / settings.kills))
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        epoch = torch.load(last, weights_only=True)["epoch"] if last.exists() else -1
        parts = len(list(killed.rglob(".*.part")))
        interrupted_writes += bool(parts)
        print(f"kill {number + 1}: epoch {epoch + 1} is safe, {parts} files half written")
        if epoch < reached:
            raise SystemExit(f"epoch {reached + 1} was lost")
        reached = epoch
    os.waitpid(begin(recipe, manifest, killed, machine), 0)
    compare(whole, killed)
    left = len(list(killed.rglob(".*.part")))
    print(
        f"{settings.kills} kills, {interrupted_writes} of them within a write: no epoch lost, "
        f"all tensors equal an uninterrupted run's, {left} temporary files left"
    )


def begin(recipe: Recipe, manifest: Path, out: Path, machine: Machine) -> int:
    """Train in a process, and process group, of its own."""
    child = os.fork()
    if not child:
        os.setsid()
        try:
            train(recipe, manifest, out, machine=machine, resume=True)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    while True:
        try:
            if os.getpgid(child) == child:
                return child
        except ProcessLookupError:
            return child


def compare(one: Path, other: Path) -> None:
    """Compare all tensors of two runs, bit for bit."""
    first, second = (torch.load(path / "last.ckpt", weights_only=True) for path in (one, other))
    for name in ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers"):
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
    if (one / "weights.safetensors").read_bytes() != (other / "weights.safetensors").read_bytes():
        raise SystemExit("the best weights differ")


def write_phantoms(root: Path) -> Path:
    records = []
    for seed in range(RADIOGRAPHS):
        phantom = make_phantom(
            seed, fracture="displaced" if seed % 2 else None, width=96, height=96
        )
        path = root / f"{seed}.png"
        save_png(path, to_16_bit(phantom.radiograph.pixels))
        records.append(
            Record(
                id=f"phantom/{seed}",
                path=path,
                source="phantom",
                label="fracture" if seed % 2 else "no fracture",
                annotations=tuple(Annotation(FRACTURE, box) for box in phantom.boxes),
                split="valid" if seed % 4 > 1 else "train",
            )
        )
    write_manifest(root / "m.parquet", Manifest(tuple(records)))
    return root / "m.parquet"


if __name__ == "__main__":
    main()
