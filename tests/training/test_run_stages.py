"""A model of the shipped kind, start to end on phantoms, and what an interruption leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.errors import FracturaError, RunExistsError
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.reading.model import Model
from fractura.training import run_stages
from fractura.training.callbacks.interruption import StoppedError
from fractura.training.export import write_fp16
from fractura.training.finish import describe_run
from fractura.training.pipeline import StageRun, read_pipeline, read_stages
from fractura.training.run_folder import load_network, read_run, started_from
from fractura.training.run_stages import train_stages
from fractura.training.trainer import Machine

from .export.conftest import examples

SMALL = (
    "model.channels=8",
    "data={preprocess: {long_side: 64, multiple: 32}}",
    "trainer.epochs=1",
    "trainer.batch_size=4",
    "trainer.validate_every=1",
    "trainer.precision=fp32",
    "base-a.model.pretrained=none",
    "base-b.model.pretrained=none",
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty phantoms, every other one fractured; eight validate."""
    folder = tmp_path_factory.mktemp("phantoms")
    records = []
    for seed in range(20):
        kind = "displaced" if seed % 2 else None
        phantom = make_phantom(seed, fracture=kind, width=150, height=180)
        path = folder / f"{seed}.png"
        save_png(path, to_16_bit(phantom.radiograph.pixels))
        records.append(
            Record(
                id=f"phantom/{seed}",
                path=path,
                source="phantom",
                label="fracture" if seed % 2 else "no fracture",
                annotations=tuple(Annotation(FRACTURE, box) for box in phantom.boxes),
                regions=("hand",),
                split="train" if seed < 12 else "valid",
            )
        )
    write_manifest(folder / "m.parquet", Manifest(tuple(records)))
    return folder / "m.parquet"


def go(stages: list[StageRun], manifest: Path, resume: bool = False) -> list[str]:
    told: list[str] = []
    machine = Machine(0, accelerator="cpu", devices="1")
    train_stages(stages, manifest, machine=machine, resume=resume, log=told.append)
    return told


def stop_before(number: int) -> Callable[..., object]:
    """Training that a person stops before its ``number``-th run."""
    begun = []

    def train(*arguments: object, **named: object) -> object:
        begun.append(arguments)
        if len(begun) == number:
            raise StoppedError("stopped")
        return original(*arguments, **named)

    original = run_stages.train
    return train


def weights(folder: Path) -> dict[str, bytes]:
    """Every tensor's bytes; the file's head names folders, which differ."""
    tensors = load_file(folder / "weights.safetensors")
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def test_the_shipped_kind_is_made_start_to_end(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    go(read_stages("fractura-s", whole, SMALL), manifest)
    stages = read_stages("fractura-s", out, SMALL)
    for number, left in ((2, ["base-a"]), (2, ["base-a", "base-b"])):
        with monkeypatch.context() as patch:
            patch.setattr(run_stages, "train", stop_before(number))
            with pytest.raises(StoppedError):
                go(stages, manifest, resume=True)
        assert sorted(path.name for path in out.iterdir() if path.is_dir()) == left
    assert not (out / "run.json").exists()
    with pytest.raises(RunExistsError, match=r"base-a already holds a run"):
        go(stages, manifest)
    told = go(stages, manifest, resume=True)
    assert [line.split(", ")[2] for line in told if line.startswith("Stage")] == [
        "is finished.",
        "is finished.",
        f"trains in {out}.",
    ]
    for folder in ("base-a", "base-b", "."):
        assert weights(out / folder) == weights(whole / folder)
    assert weights(out / "base-a") != weights(out / "base-b")
    before = weights(out)
    assert all("is finished" in line for line in go(stages, manifest, resume=True))
    assert weights(out) == before

    run = read_run(out)
    assert started_from(run.recipe.model) == "base-a, base-b"
    written = write_fp16(
        load_network(run), describe_run(run, calibrated=False), tmp_path / "m.onnx", examples(64)
    )
    assert Model(written.path).description.name == "fractura-s"


def test_refiners_do_not_go_on_upon_other_base_networks(manifest: Path, tmp_path: Path) -> None:
    go(read_stages("fractura-s", tmp_path / "run", SMALL), manifest)
    longer = read_stages("fractura-s", tmp_path / "run", [*SMALL, "base-b.trainer.epochs=2"])
    with pytest.raises(FracturaError, match=r"stands on .*base-b, which would be trained on"):
        go(longer, manifest, resume=True)


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ("[]", "stages"),
        ("[{name: a, recipe: region}, {name: a, recipe: region}]", "two stages are named a"),
        ("[{name: a, recipe: region, base: [b]}]", "a stands on b, which is no earlier stage"),
        ("[{name: a, recipe: region, seed: 3}]", "seed"),
    ],
)
def test_a_wrong_pipeline_is_named(tmp_path: Path, stages: str, said: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"name: p\nstages: {stages}\n")
    with pytest.raises(FracturaError, match=rf"p\.yaml is not a valid pipeline.*{said}"):
        read_pipeline(path)
