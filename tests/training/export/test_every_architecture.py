"""Every named architecture trains, then answers alike in torch, ONNX and, some, OpenVINO."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torchvision.models.detection.rpn import RegionProposalNetwork

from fractura.datasets.manifest import Manifest
from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.datasets.storage import write_manifest
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import save_png, to_16_bit
from fractura.models import classifiers
from fractura.models.registry import CLASSIFIERS, DETECTORS, MULTI_TASK, TWO_STAGE
from fractura.reading.model import Model
from fractura.training.export import write_onnx, write_openvino
from fractura.training.export.parity import LARGEST_DIFFERENCE, LARGEST_SHIFT
from fractura.training.recipe import Recipe, Task, parse_recipe
from fractura.training.run import train
from fractura.training.run_folder import load_network
from fractura.training.trainer import Machine

from .conftest import classifier, describe, detector, examples, live

CLASSES = ("no fracture", "fracture")
SIDES = {"inception_v3": 96}
MACHINE = re.compile(rb"site-packages|\.py\b|/home/|/tmp/|/Users/")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve phantoms, every other one fractured; four validate."""
    folder = tmp_path_factory.mktemp("phantoms")
    records = []
    for seed in range(12):
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
                split="train" if seed < 8 else "valid",
            )
        )
    write_manifest(folder / "m.parquet", Manifest(tuple(records)))
    return folder / "m.parquet"


@pytest.fixture
def narrow_vgg(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG with a middle layer of 256 units, not 4096, whose weights are most of half a gigabyte."""
    whole = classifiers._timm_model
    monkeypatch.setattr(
        classifiers,
        "_timm_model",
        lambda name: whole(name, **({"mlp_ratio": 1 / 16} if name == "vgg16" else {})),
    )


@pytest.fixture
def few_proposals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faster R-CNN looks at 100 places of a radiograph instead of 1000, each in the same way."""
    monkeypatch.setattr(RegionProposalNetwork, "post_nms_top_n", lambda self: 100)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that is empty again after the test: some runs leave half a gigabyte."""
    yield tmp_path
    rmtree(tmp_path)


def few_steps(name: str, task: Task, side: int) -> Recipe:
    return parse_recipe(
        {
            "name": "tiny",
            "task": task,
            "model": {
                "name": name,
                "pretrained": "none",
                "base_runs": ["-", "-"],
                "base_scales": [1, 0.5],
            },
            "data": {
                "preprocess": {"long_side": side, "multiple": 32 if task == "multi-task" else side}
            },
            "optimizer": {"name": "sgd", "head_lr": 1e-4, "backbone_lr": 1e-4, "momentum": 0},
            "trainer": {"epochs": 1, "batch_size": 4},
        },
        name,
    )


def trained(recipe: Recipe, manifest: Path, folder: Path) -> nn.Module:
    """The network after two steps."""
    machine = Machine(workers=0, cache=manifest.parent / "cache")
    run = train(recipe, manifest, folder / "run", machine=machine, log=lambda _: None)
    assert run.info["epochs"] == 1
    return load_network(run)


def check_file(path: Path) -> None:
    content = path.read_bytes()
    if path.suffix == ".onnx":
        model = onnx.load(path)
        del model.graph.initializer[:]
        content = model.SerializeToString()
    assert not MACHINE.search(content), "the file tells of the machine it was made on"


@pytest.mark.usefixtures("narrow_vgg")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier(name: str, manifest: Path, folder: Path) -> None:
    side = SIDES.get(name, 64)
    network = trained(few_steps(name, "binary-fracture", side), manifest, folder)
    shown, out = examples(side), folder / "tiny.onnx"
    exported = write_onnx(network, describe("binary-fracture", side, CLASSES), out, shown)
    assert exported.parity.difference <= LARGEST_DIFFERENCE
    assert exported.parity.radiographs == len(shown)
    model = Model(out, 1)
    each = [model.outputs(example.images) for example in shown]
    together = model.outputs(np.concatenate([example.images for example in shown]))
    for output in ("logits", "embedding"):
        alone = np.concatenate([answer[output] for answer in each])
        np.testing.assert_allclose(together[output], alone, rtol=1e-3, atol=1e-4)
    check_file(out)


@pytest.mark.usefixtures("few_proposals")
@pytest.mark.parametrize("name", DETECTORS)
def test_detector(name: str, manifest: Path, folder: Path) -> None:
    side, out = 128, folder / "tiny.onnx"
    network = trained(few_steps(name, "detection", side), manifest, folder)
    exported = write_onnx(network, describe("detection", side), out, examples(side, 2))
    assert exported.parity.difference <= LARGEST_DIFFERENCE
    assert exported.parity.shift <= LARGEST_SHIFT
    assert len(Model(out, 1).boxes(examples(side, 1)[0].images).logits) > 10
    check_file(out)


@pytest.mark.parametrize("name", [MULTI_TASK, TWO_STAGE])
def test_multi_task(name: str, manifest: Path, folder: Path) -> None:
    recipe = few_steps(name, "multi-task", 64)
    out = folder / "tiny.onnx"
    network = trained(recipe, manifest, folder)
    random = torch.Generator().manual_seed(1)
    for member in getattr(network, "base", ()):
        # Else all proposals score alike, within rounding, and which of them are refined is chance.
        live(member, member, 64).score.weight.data.normal_(0, 5, generator=random)
    exported = write_onnx(network, describe("multi-task", 64), out, examples(64))
    assert exported.parity.difference <= LARGEST_DIFFERENCE
    check_file(out)
    upright = np.concatenate([examples(64)[0].images] * 3, 2)
    with torch.no_grad():
        wanted = network(torch.from_numpy(upright))
    got = Model(out).run(upright)
    np.testing.assert_allclose(got.scores, wanted.scores[0], atol=1e-4)
    np.testing.assert_allclose(got.boxes, wanted.boxes[0], atol=0.1)


@pytest.mark.parametrize("name", ["custom-cnn", "resnet18", "mobilenetv2_100"])
def test_classifier_as_openvino(name: str, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    description, out = describe("region", 64, ("hand", "leg", "hip")), tmp_path / "tiny.xml"
    write_openvino(classifier(name, 64, 3), description, out, examples(64))
    assert Model(out).description == description
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.xml", "tiny.bin"}
    check_file(out)


def test_detector_as_openvino(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    out = tmp_path / "tiny.xml"
    network = detector("ssdlite320_mobilenet_v3_large", 128)
    exported = write_openvino(network, describe("detection", 128), out, examples(128, 2))
    assert exported.parity.shift <= LARGEST_SHIFT
