"""A whole training run in miniature, its resumption, and its export."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import mobilenet_v2

from fractura import Reader
from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.errors import FracturaError
from fractura.findings import REGIONS, Box
from fractura.imaging.fit import FitParameters, fit
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png
from fractura.reading.calibration import Calibration, OperatingPoint, OperatingPoints
from fractura.reading.model import Model, ModelDescription
from fractura.training.export import (
    describe,
    export_onnx,
    load_checkpoint,
    network_from_onnx,
)
from fractura.training.finish import finish
from fractura.training.recipe import Recipe
from fractura.training.run import train

RECIPE = Recipe(
    name="tiny",
    fit=FitParameters(long_side=96),
    training_side=96,
    canvas=(96, 96),
    channels=8,
    fold=0,
    phantoms=2,
    epochs=2,
    batch=4,
    warmup_steps=2,
    average=0.5,
    validate_every=1,
)


DESCRIPTION = ModelDescription(
    name="tiny",
    version="7",
    fit=RECIPE.fit,
    regions=REGIONS,
    calibration=Calibration(1.0, -1.0, 1.0, 0.0),
    operating_points=OperatingPoints(OperatingPoint(0.2, 0.05), OperatingPoint(0.7, 0.3)),
    provenance={"seed": 0},
)


def write_data(root: Path) -> None:
    """Twelve fractured and eighty normal pictures of coarse noise, and their manifest."""
    box = Annotation(FRACTURE, Box(10, 20, 40, 60), (((10, 20), (40, 20), (40, 60), (10, 60)),))
    records = []
    for number in range(92):
        fractured = number % 8 == 0
        pixels = np.random.default_rng(number).integers(0, 255, (16, 12), dtype=np.uint8)
        path = root / f"{number}.png"
        save_png(path, cv2.resize(pixels, (96, 128), interpolation=cv2.INTER_CUBIC))
        records.append(
            Record(
                id=f"noise/{number}",
                path=path,
                source="noise",
                label="fracture" if fractured else "no fracture",
                regions=("hand",),
                annotations=(box,) if fractured else (),
                split="valid" if number >= 80 else "train",
                fold=None if number >= 80 else number // 8 % 3,
            )
        )
    write_manifest(root / "m.parquet", Manifest(tuple(records)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("training")
    write_data(root)
    torch.manual_seed(0)
    backbone = mobilenet_v2()
    backbone.train()(torch.rand(4, 3, 64, 64))
    state = backbone.state_dict()
    save_file({k: v for k, v in state.items() if "classifier" not in k}, root / "b.safetensors")
    run(root, RECIPE, "whole", resume=False)
    return root


def run(root: Path, recipe: Recipe, name: str, *, resume: bool) -> Path:
    return train(
        recipe, root / "m.parquet", root / "b.safetensors", root / name, workers=0, resume=resume
    )


def test_the_run_folder_tells_what_happened(folder: Path) -> None:
    with (folder / "whole" / "metrics.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    losses = [float(row["loss/heat_epoch"]) for row in rows if row["loss/heat_epoch"]]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    assert [row for row in rows if row["valid/ap50"]]
    assert Recipe.model_validate_json((folder / "whole" / "recipe.json").read_text()) == RECIPE


def test_an_untrained_network_is_not_calibrated(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match="train longer"):
        finish(folder / "whole", folder / "m.parquet", tmp_path / "tiny.onnx", "1")


def test_the_exported_file_answers_like_the_checkpoint(folder: Path) -> None:
    out = folder / "tiny.onnx"
    checkpoint = load_checkpoint(folder / "whole" / "last.ckpt", RECIPE.channels)
    export_onnx(checkpoint, RECIPE.fit, out)
    describe(out, DESCRIPTION)
    assert b"network.py" not in out.read_bytes(), "the file tells of the machine it was made on"
    again = network_from_onnx(out, RECIPE.channels)
    model = Model(out)
    assert model.description == DESCRIPTION
    for seed, (width, height) in enumerate([(373, 454), (454, 373), (200, 200)]):
        pixels = make_phantom(seed, width=width, height=height).radiograph.pixels
        inputs, _ = fit(pixels, RECIPE.fit)
        ours = model.run(inputs)
        for network in (checkpoint, again):
            with torch.no_grad():
                theirs = network(torch.from_numpy(inputs))
            np.testing.assert_allclose(ours.scores, theirs.scores[0], atol=1e-4)
            np.testing.assert_allclose(ours.boxes, theirs.boxes[0], atol=0.1)
            np.testing.assert_allclose(ours.image, theirs.image[0], atol=1e-4)
            np.testing.assert_allclose(ours.evidence, theirs.evidence[0], atol=1e-4)
            np.testing.assert_allclose(model.embed(inputs), theirs.embedding[0], atol=1e-4)
    assert Reader(out).read(make_phantom(0).radiograph).model == "tiny 7"


def test_a_resumed_run_equals_an_uninterrupted_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fractura.training import task

    step = task.FractureTask.training_step

    def die(self: task.FractureTask, *batch: object) -> torch.Tensor:
        if self.current_epoch == 1:
            raise RuntimeError("power cut")
        return step(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(task.FractureTask, "training_step", die)
        with pytest.raises(RuntimeError, match="power cut"):
            run(folder, RECIPE, "cut", resume=False)
    run(folder, RECIPE, "cut", resume=True)
    whole = load_checkpoint(folder / "whole" / "last.ckpt", RECIPE.channels).state_dict()
    cut = load_checkpoint(folder / "cut" / "last.ckpt", RECIPE.channels).state_dict()
    for name, tensor in whole.items():
        torch.testing.assert_close(cut[name], tensor, rtol=0, atol=0, msg=name)
