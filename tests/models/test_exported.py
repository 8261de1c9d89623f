"""Training goes on from an exported network as if it had never been folded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fractura.errors import FracturaError
from fractura.imaging.preprocess import PreprocessConfig
from fractura.models.exported import fill_from_exported, is_exported
from fractura.models.network import FractureNetwork, load_pretrained
from fractura.models.two_stage import TwoStageNetwork
from fractura.training.export.convert import export_onnx
from fractura.training.export.half import store_in_half


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[TwoStageNetwork, Path]:
    torch.manual_seed(3)
    network = TwoStageNetwork(8, members=2, mirror_tta=False)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
    path = tmp_path_factory.mktemp("exported") / "two.onnx"
    export_onnx(network.eval(), PreprocessConfig(long_side=64, multiple=32), path)
    return network, path


@pytest.mark.parametrize("half", [False, True])
def test_each_base_network_comes_back_and_answers_alike(exported, tmp_path, half) -> None:
    network, path = exported
    if half:
        store_in_half(path, tmp_path / "half.onnx")
        path = tmp_path / "half.onnx"
    images = torch.randn(2, 1, 64, 96)
    for number, member in enumerate(network.base):
        again = FractureNetwork(8, hold_norm=True)
        load_pretrained(again, f"{path}#{number}")
        again.train()
        again.dropout.eval()
        with torch.no_grad():
            for mine, theirs in zip(again(images), member(images), strict=True):
                torch.testing.assert_close(
                    mine, theirs, atol=0.2 if half else 1e-3, rtol=0.1 if half else 1e-3
                )


def test_refiners_come_back(exported) -> None:
    network, path = exported
    again = TwoStageNetwork(8, members=2, mirror_tta=False, hold_norm=True)
    fill_from_exported(again.refiners, str(path), "refiners.")
    again.train()
    crops, shapes = torch.randn(3, 1, 96, 96), torch.zeros(3, 2)
    for module in again.refiners.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    with torch.no_grad():
        found = again.refiners[0](crops, shapes)
        for mine, theirs in zip(found, network.refiners[0](crops, shapes), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-3, rtol=1e-3)


def test_another_network_is_refused(exported) -> None:
    _, path = exported
    with pytest.raises(FracturaError, match="does not hold a network of this kind"):
        load_pretrained(FractureNetwork(16), str(path))


@pytest.mark.parametrize(
    ("name", "answer"),
    [("fractura-s#1", True), ("mine.onnx", True), ("default", False), ("a.safetensors", False)],
)
def test_what_is_an_exported_model(name, answer) -> None:
    assert is_exported(name) is answer
