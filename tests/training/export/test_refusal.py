"""A file that answers otherwise is not written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.numpy_helper import from_array, to_array
from torch import nn
from torch.nn.functional import one_hot

from fractura.cli.errors import sentence
from fractura.errors import AccuracyLossError, FracturaError
from fractura.reading.model import Model
from fractura.training.export import write, write_fp16, write_int8, write_onnx, write_openvino
from fractura.training.export.half import HALF_SUFFIX, SMALLEST, store_in_half
from fractura.training.export.measure import Example
from fractura.training.export.parity import ParityError, _detections

from .conftest import classifier, describe, examples

CLASSES = ("no fracture", "fracture")
DESCRIPTION = describe("binary-fracture", 64, CLASSES)


def tamper(path: Path, *_: object) -> None:
    """Change one weight of the last layer by a hundredth."""
    model = onnx.load(path)
    head = next(item for item in model.graph.initializer if item.name == "head.1.weight")
    weights = to_array(head).copy()
    weights[1, 0] += 0.01
    head.CopyFrom(from_array(weights, head.name))
    onnx.save(model, path)


@pytest.fixture
def tampered(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = write.describe
    monkeypatch.setattr(
        write, "describe", lambda path, description: (honest(path, description), tamper(path))
    )


@pytest.mark.usefixtures("tampered")
def test_a_changed_weight_refuses_and_leaves_what_was_there(cnn: nn.Module, tmp_path: Path) -> None:
    out = tmp_path / "tiny.onnx"
    with pytest.raises(ParityError, match=r"differ by up to 0\.0"):
        write_onnx(cnn, DESCRIPTION, out, examples(64))
    assert not list(tmp_path.iterdir())
    out.write_bytes(b"before")
    with pytest.raises(ParityError):
        write_onnx(cnn, DESCRIPTION, out, examples(64))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_openvino_is_compared_itself(
    cnn: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = pytest.importorskip("openvino")
    honest = openvino.convert_model

    def convert(path: str) -> object:
        tamper(Path(path))
        return honest(path)

    monkeypatch.setattr(openvino, "convert_model", convert)
    with pytest.raises(ParityError):
        write_openvino(cnn, DESCRIPTION, tmp_path / "tiny.xml", examples(64))
    assert not list(tmp_path.iterdir())


def test_detections_must_have_partners() -> None:
    random = np.random.default_rng(0)
    corners = random.uniform(0, 400, (40, 2)).astype(np.float32)
    boxes = np.hstack([corners, corners + 50])
    scores = np.sort(random.random(40).astype(np.float32))[::-1]
    honest = {"boxes": boxes, "scores": scores}
    order = random.permutation(40)
    assert _detections([{"boxes": boxes[order], "scores": scores[order]}], [honest]).holds
    assert _detections([{"boxes": boxes[:-1], "scores": scores[:-1]}], [honest]).holds
    for changed in (
        {"boxes": boxes + np.float32(0.2), "scores": scores},
        {"boxes": boxes + np.float32(3), "scores": scores},
        {"boxes": boxes, "scores": scores - np.float32(0.001)},
        {"boxes": boxes[1:], "scores": scores[1:]},
        {"boxes": boxes[:30], "scores": scores[:30]},
        {"boxes": boxes[:0], "scores": scores[:0]},
    ):
        assert not _detections([changed], [honest]).holds
        assert not _detections([honest], [changed]).holds
    empty = {"boxes": boxes[:0], "scores": scores[:0]}
    assert _detections([empty], [empty]).holds


def fitted(name: str, shown: list[Example], classes: int) -> nn.Module:
    """A network that tells the classes of these phantoms: its last layer is fitted to them."""
    network = classifier(name, 64, classes)
    images = torch.from_numpy(np.concatenate([example.images for example in shown]))
    with torch.no_grad():
        embedding = network(images).embedding
        mean = embedding.mean(0)
        wanted = 2 * one_hot(torch.tensor([example.truth for example in shown]), classes) - 1.0
        weights = torch.linalg.lstsq(embedding - mean, wanted).solution.T
        network.head[1].weight.copy_(weights)
        network.head[1].bias.copy_(-weights @ mean)
    return network


@pytest.fixture(scope="module")
def separating() -> nn.Module:
    return fitted("custom-cnn", examples(64, 12), 2)


def test_int8_keeps_the_order_of_fractures_and_is_smaller(
    separating: nn.Module, tmp_path: Path
) -> None:
    shown = examples(64, 12)
    large = write_onnx(separating, DESCRIPTION, tmp_path / "large.onnx", shown)
    small = write_int8(separating, DESCRIPTION, tmp_path / "small.onnx", shown)
    assert small.megabytes < 0.5 * large.megabytes
    assert small.measured.figures_before == large.measured.figures == {"AUROC": 1.0}
    assert small.measured.figures["AUROC"] >= 0.99
    model = Model(tmp_path / "small.onnx")
    assert model.description == DESCRIPTION
    assert (
        model.embed(shown[0].images).shape
        == separating(torch.zeros(1, 1, 64, 64)).embedding[0].shape
    )


def test_fp16_is_half_as_large_and_answers_alike(separating: nn.Module, tmp_path: Path) -> None:
    shown = examples(64, 12)
    large = write_onnx(separating, DESCRIPTION, tmp_path / "large.onnx", shown)
    small = write_fp16(separating, DESCRIPTION, tmp_path / "small.onnx", shown)
    assert small.megabytes < 0.56 * large.megabytes
    assert small.measured.figures == large.measured.figures == {"AUROC": 1.0}
    before, after = Model(tmp_path / "large.onnx"), Model(tmp_path / "small.onnx")
    assert after.description == DESCRIPTION
    for one in shown:
        np.testing.assert_allclose(
            after.logits(one.images), before.logits(one.images), rtol=0.01, atol=0.01
        )
    stored = {
        item.name: to_array(item) for item in onnx.load(tmp_path / "small.onnx").graph.initializer
    }
    for item in onnx.load(tmp_path / "large.onnx").graph.initializer:
        values = to_array(item)
        if values.dtype == np.float32 and values.size >= SMALLEST:
            np.testing.assert_array_equal(
                stored[item.name + HALF_SUFFIX], values.astype(np.float16)
            )
        else:
            np.testing.assert_array_equal(stored[item.name], values)


def test_fp16_leaves_what_it_cannot_hold(separating: nn.Module, tmp_path: Path) -> None:
    shown = examples(64, 2)
    write_onnx(separating, DESCRIPTION, tmp_path / "large.onnx", shown)
    model = onnx.load(tmp_path / "large.onnx")
    item = max(model.graph.initializer, key=lambda item: to_array(item).size)
    values = to_array(item).copy()
    values.flat[0] = 1e6
    item.CopyFrom(from_array(values, item.name))
    onnx.save(model, tmp_path / "large.onnx")
    store_in_half(tmp_path / "large.onnx", tmp_path / "small.onnx")
    stored = {
        item.name: to_array(item) for item in onnx.load(tmp_path / "small.onnx").graph.initializer
    }
    np.testing.assert_array_equal(stored[item.name], values)


def test_int8_of_three_classes_is_judged_by_accuracy(tmp_path: Path) -> None:
    shown = [replace(item, truth=number % 3) for number, item in enumerate(examples(64, 6))]
    description = describe("region", 64, ("hand", "leg", "hip"))
    network = fitted("resnet18", shown, 3)
    exported = write_int8(network, description, tmp_path / "small.onnx", shown)
    assert exported.measured.figures_before == exported.measured.figures == {"accuracy": 1.0}


def test_int8_that_loses_accuracy_is_refused(
    separating: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = write.quantise

    def reverse(source: Path, out: Path, images: Iterator[np.ndarray]) -> None:
        model = onnx.load(source)
        head = next(item for item in model.graph.initializer if item.name == "head.1.weight")
        head.CopyFrom(from_array(-to_array(head), head.name))
        onnx.save(model, out.with_name("reversed.onnx"))
        honest(out.with_name("reversed.onnx"), out, images)

    monkeypatch.setattr(write, "quantise", reverse)
    out, shown = tmp_path / "small.onnx", examples(64, 12)
    said = r"AUROC of tiny from 1\.000 to 0\.\d{3} \(a loss of [01]\.\d{3}, where 0\.01 is allowed"
    with pytest.raises(AccuracyLossError, match=said) as refused:
        write_int8(separating, DESCRIPTION, out, shown)
    assert "small.onnx" in str(refused.value)
    assert sentence(refused.value).endswith("--accept-loss writes it all the same")
    assert not list(tmp_path.iterdir())

    accepted = write_int8(separating, DESCRIPTION, out, shown, accept_loss=True)
    assert accepted.measured.figures["AUROC"] < 0.99
    provenance = Model(out).description.provenance
    assert accepted.loss == provenance[write.ACCEPTED_LOSS]
    assert str(refused.value).startswith(accepted.loss)


def test_int8_needs_both_classes(cnn: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(FracturaError, match="one class"):
        write_int8(cnn, DESCRIPTION, tmp_path / "small.onnx", examples(64)[::2])


def test_openvino_missing_or_misnamed_is_said(
    cnn: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "openvino", None)
        with pytest.raises(FracturaError, match="pip install openvino"):
            write_openvino(cnn, DESCRIPTION, tmp_path / "tiny.xml", examples(64))
    pytest.importorskip("openvino")
    with pytest.raises(FracturaError, match=r"tiny\.onnx.*\.xml"):
        write_openvino(cnn, DESCRIPTION, tmp_path / "tiny.onnx", examples(64))
