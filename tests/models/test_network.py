"""The network's outputs, and that torch and ONNX agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import mobilenet_v2

from fractura.errors import FracturaError
from fractura.imaging.load import load
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.models.network import FractureNetwork, load_pretrained, log_mean_exp
from fractura.reading.model import Model, model_path
from fractura.training.export import network_from_onnx

FRACATLAS = Path(__file__).parents[2] / ".." / "shared" / "data" / "fracatlas"


def test_pooling_lies_between_mean_and_maximum() -> None:
    evidence = torch.randn(4, 6, 5)
    pooled = log_mean_exp(evidence)
    assert (pooled >= evidence.mean((1, 2))).all()
    assert (pooled <= evidence.amax((1, 2))).all()
    torch.testing.assert_close(log_mean_exp(torch.full((1, 3, 3), 1e4)), torch.tensor([1e4]))


def test_boxes_surround_their_cell() -> None:
    output = FractureNetwork(16).eval()(torch.randn(1, 1, 64, 96))
    boxes = output.boxes[0]
    assert boxes.shape == (8, 12, 4)
    y, x = torch.meshgrid(torch.arange(8) * 8 + 4.0, torch.arange(12) * 8 + 4.0, indexing="ij")
    assert (boxes[..., 0] <= x).all()
    assert (boxes[..., 2] >= x).all()
    assert (boxes[..., 1] <= y).all()
    assert (boxes[..., 3] >= y).all()


def test_backbone_keeps_torchvisions_answers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = mobilenet_v2()
    source.train()(torch.rand(4, 3, 64, 64))
    source.eval()
    state = {k: v for k, v in source.state_dict().items() if not k.startswith("classifier.")}
    save_file(state, tmp_path / "weights.safetensors")
    network = FractureNetwork(16)
    load_pretrained(network, str(tmp_path / "weights.safetensors"))
    grey = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        expected = source.features[:18](grey.expand(-1, 3, -1, -1))
        ours = network.stride_32(network.stride_16(network.stride_8(network.early(grey))))
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


def test_a_trained_network_is_trained_on(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained = FractureNetwork(16)
    trained.detect.train()(torch.randn(4, 16, 8, 8))
    save_file(trained.state_dict(), tmp_path / "weights.safetensors")
    network = FractureNetwork(16)
    load_pretrained(network, str(tmp_path / "weights.safetensors"))
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(network.eval()(images), trained.eval()(images), strict=True):
            assert torch.equal(ours, theirs)
    with pytest.raises(FracturaError, match="does not fit fractura"):
        load_pretrained(FractureNetwork(8), str(tmp_path / "weights.safetensors"))


def test_all_of_it_trains_but_the_stem() -> None:
    network = FractureNetwork(16)
    assert all(parameter.requires_grad for parameter in network.parameters())
    network.freeze_early()
    fixed = {name for name, item in network.named_parameters() if not item.requires_grad}
    assert fixed == {f"early.{name}" for name, _ in network.early.named_parameters()}


@pytest.mark.skipif(not FRACATLAS.is_dir(), reason="needs FracAtlas in ../shared/data")
def test_shipped_onnx_equals_torch_on_forty_real_radiographs() -> None:
    model = Model("fractura-s", threads=1)
    parameters: PreprocessConfig = model.description.preprocess
    network = network_from_onnx(
        model_path("fractura-s"),
        64,
        mirror_tta=False,
        base_scales=(1, 1, 0.6875),
        crop_fill=(0.4, 0.4),
    )
    paths = sorted((FRACATLAS / "images").glob("*/*.jpg"))[::90][:40]
    assert len(paths) == 40
    for path in paths:
        inputs, _ = preprocess(load(path).pixels, parameters)
        ours = model.run(inputs)
        with torch.no_grad():
            theirs = network(torch.from_numpy(inputs))
        np.testing.assert_allclose(
            _sigmoid(ours.scores), _sigmoid(theirs.scores[0].numpy()), atol=1e-4
        )
        np.testing.assert_allclose(ours.boxes, theirs.boxes[0].numpy(), atol=0.1)
        np.testing.assert_allclose(_sigmoid(ours.image), _sigmoid(float(theirs.image)), atol=1e-4)
        np.testing.assert_allclose(ours.regions, theirs.regions[0].numpy(), atol=1e-3)
        np.testing.assert_allclose(model.embed(inputs), theirs.embedding[0].numpy(), atol=1e-3)


def _sigmoid(logits: np.ndarray | float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(logits, dtype=np.float64)))
