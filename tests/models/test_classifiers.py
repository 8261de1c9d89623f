"""Every classifier by name: shapes, gradients, freezing, stages, and its weights' way in."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import mobilenet_v2

from fractura.errors import FracturaError
from fractura.models.backbone import Backbone
from fractura.models.classifiers import Classifier, build_classifier
from fractura.models.registry import ALIASES, CLASSIFIERS, DETECTORS, canonical, family

SIDES = {"inception_v3": 96, "xception": 96, "vgg16": 32}


def _images(name: str) -> torch.Tensor:
    side = SIDES.get(name, 64)
    return torch.randn(2, 1, side, side)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_learns_everywhere_once_and_nowhere_when_frozen(name: str) -> None:
    torch.manual_seed(0)
    classifier = build_classifier(name, 3)
    images = _images(name)
    stages = classifier.stages()
    staged = [id(parameter) for stage in stages for parameter in stage]
    assert len(staged) == len(set(staged))
    assert set(staged) == {id(parameter) for parameter in classifier.parameters()}
    assert [id(item) for item in stages[-1]] == [id(item) for item in classifier.head.parameters()]
    first = next(m for m in classifier.modules() if isinstance(m, torch.nn.Conv2d))
    assert any(first.weight is parameter for parameter in stages[0])

    output = classifier(images)
    assert output.logits.shape == (2, 3)
    assert output.embedding.shape == (2, classifier.head[1].in_features)
    assert output.logits.isfinite().all()
    output.logits.square().sum().backward()
    assert all(item.grad is not None for item in classifier.parameters())

    classifier.zero_grad()
    classifier.freeze(True)
    classifier.train()
    before = {key: value.clone() for key, value in classifier.backbone.state_dict().items()}
    classifier(images).logits.square().sum().backward()
    assert all(item.requires_grad for item in classifier.parameters())
    assert all(item.grad is None for item in classifier.backbone.parameters())
    assert all(item.grad is not None for item in classifier.head.parameters())
    after = classifier.backbone.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)

    classifier.freeze(False)
    assert all(module.training for module in classifier.modules())


def test_a_frozen_copy_thaws_by_itself() -> None:
    classifier = build_classifier("custom-cnn", 2)
    classifier.freeze(True)
    copy = deepcopy(classifier)
    copy.freeze(False)
    assert copy.backbone.training
    assert copy.backbone.layers.training
    assert not classifier.backbone.layers.training
    assert not classifier.eval().backbone.training
    assert not copy.eval().backbone.layers.training


def test_held_norm_learns_its_weights_but_keeps_its_statistics() -> None:
    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    backbone = Backbone(layers, [["0.weight", "0.bias"], ["1.weight", "1.bias"]], hold_norm=True)
    backbone.train()
    backbone(torch.randn(2, 1, 8, 8)).sum().backward()
    assert torch.equal(layers[1].running_mean, torch.zeros(4))
    assert layers[1].weight.grad is not None


def test_names() -> None:
    assert {family(name) for name in CLASSIFIERS} == {"classifier"}
    assert {family(name) for name in DETECTORS} == {"detector"}
    assert family("fractura") == "multi-task"
    assert family("convnext_tiny") == "classifier"
    assert set(ALIASES.values()) <= set(CLASSIFIERS)
    assert canonical("VGG-16") == "vgg16"
    with pytest.raises(FracturaError, match=r"'resnet-19' is no architecture; did you mean .*18"):
        family("resnet-19")
    with pytest.raises(FracturaError, match="fcos_resnet50_fpn is no classifier"):
        build_classifier("fcos_resnet50_fpn", 2)


def test_xception_is_built_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    build_classifier("xception", 2)
    assert not [warning for warning in recwarn if "xception" in str(warning.message)]


def test_torchvisions_mobilenet_v2_gives_its_own_features(tmp_path: Path) -> None:
    source = _trained(mobilenet_v2())
    path = tmp_path / "weights.safetensors"
    save_file(source.half().state_dict(), path)
    source.float()
    classifier = build_classifier("mobilenet_v2", 2, pretrained=str(path)).eval()
    images = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        expected = source.features(images.expand(-1, 3, -1, -1)).mean((2, 3))
        torch.testing.assert_close(classifier(images).embedding, expected, rtol=1e-3, atol=1e-4)


def test_own_names_and_runs_load_with_a_new_last_layer(tmp_path: Path) -> None:
    run = _trained(build_classifier("resnet18", 7))
    save_file(run.state_dict(), tmp_path / "run.safetensors")
    own = {
        k.removeprefix("backbone.layers."): v for k, v in run.backbone.layers.state_dict().items()
    }
    save_file({**own, "fc.weight": torch.ones(1000, 512)}, tmp_path / "own.safetensors")
    images = torch.randn(2, 1, 64, 64)
    for name in ("run", "own"):
        path = str(tmp_path / f"{name}.safetensors")
        classifier = build_classifier("resnet18", 2, pretrained=path).eval()
        assert torch.equal(classifier(images).embedding, run(images).embedding)
        assert classifier(images).logits.shape == (2, 2)


def test_files_that_do_not_fit_are_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    state = build_classifier("resnet18", 2).state_dict()

    def refusal() -> str:
        with pytest.raises(FracturaError) as caught:
            build_classifier("resnet18", 2, pretrained=str(path))
        assert str(path) in str(caught.value)
        return str(caught.value)

    assert "No such file" in refusal()
    torch.save(state, path)
    assert "is a pickle" in refusal()
    path.write_bytes(b"\x80\x04junk")
    assert "is a pickle" in refusal()
    path.write_bytes(b"junk")
    assert "not a readable safetensors file" in refusal()
    save_file(mobilenet_v2().state_dict(), path)
    assert "seems to hold torchvision's mobilenet_v2" in refusal()
    save_file({"a": torch.zeros(1)}, path)
    assert "1 tensors such as a" in refusal()
    missing = {k: v for k, v in state.items() if k != "backbone.layers.layer4.1.bn2.weight"}
    save_file(missing, path)
    assert "seems to hold a fractura classifier" in refusal()
    save_file({**state, "backbone.layers.conv1.weight": torch.zeros(64, 1, 3, 3)}, path)
    assert "does not fit resnet18" in refusal()
    save_file({**state, "backbone.layers.more.weight": torch.zeros(1)}, path)
    assert "does not fit resnet18" in refusal()


@pytest.mark.parametrize("name", ["resnet18", "xception", "monai-densenet121"])
def test_no_hub_is_one_quick_sentence(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    for place in ("urllib.request.urlopen", "torch.hub.urlopen"):
        monkeypatch.setattr(place, unreachable)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr("torch.hub.get_dir", lambda: "/nonexistent-hub")
    monkeypatch.setattr("os.makedirs", lambda *_, **__: None)
    with pytest.raises(FracturaError, match=f"weights of {name} could not .*pretrained to none"):
        build_classifier(name, 2, pretrained="default")


@pytest.mark.parametrize("name", ["custom-cnn", "resnet50v2-c4"])
def test_weights_that_nobody_publishes(name: str) -> None:
    with pytest.raises(FracturaError, match=f"no pretrained weights are published for {name}"):
        build_classifier(name, 2, pretrained="default")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mobilenetv2_100", "mobilenet_v2_imagenet"),
        ("tf_efficientnet_lite0", "efficientnet_lite0_imagenet"),
        ("resnet50v2-c4", "resnet50v2_gluon_imagenet_c4"),
    ],
)
def test_real_backbones_load(shared_data: Path, name: str, file: str) -> None:
    path = shared_data.parent / "weights" / f"{file}.safetensors"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    torch.manual_seed(0)
    classifier = build_classifier(name, 2, pretrained=str(path)).eval()
    with torch.no_grad():
        embedding = classifier(torch.randn(2, 1, 96, 96)).embedding
    assert embedding.isfinite().all()
    assert embedding.std() > 0.01


def _trained(module: torch.nn.Module) -> torch.nn.Module:
    """With batch-norm statistics of its own."""
    torch.manual_seed(1)
    channels = 1 if isinstance(module, Classifier) else 3
    module.train()(torch.rand(4, channels, 64, 64))
    return module.eval()
