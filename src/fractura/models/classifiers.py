"""Networks that give a whole radiograph one of several classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from fractura.errors import FracturaError
from fractura.models.backbone import Backbone, stage_names
from fractura.models.pretrained import (
    Tensors,
    download,
    fill,
    fits,
    hub_file,
    mobilenet_v2_in_order,
    no_default,
    read_weights,
    strip,
    unfit,
)
from fractura.models.registry import canonical, family


class ClassifierOutput(NamedTuple):
    """What a classifier says of ``B`` images.

    Attributes:
        logits: ``[B, C]``.
        embedding: ``[B, D]``, the features that the last layer judges, by which like radiographs
            are found.
    """

    logits: Tensor
    embedding: Tensor


class Classifier(nn.Module):
    """A backbone from images ``[B, 1, H, W]`` to ``[B, D]``, and a new last layer."""

    def __init__(self, backbone: Backbone, features: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, classes))

    def forward(self, images: Tensor) -> ClassifierOutput:
        embedding = self.backbone(images)
        return ClassifierOutput(self.head(embedding).float(), embedding.float())

    def freeze(self, frozen: bool) -> None:
        """Train the last layer alone, or everything; see :meth:`Backbone.freeze`."""
        self.backbone.freeze(frozen)

    def stages(self) -> list[list[nn.Parameter]]:
        """All parameters once, from input to output; the last list is the new layer's."""
        return [*self.backbone.stages(), list(self.head.parameters())]


def build_classifier(
    name: str, classes: int, *, pretrained: str = "none", dropout: float = 0.3
) -> Classifier:
    """Build a classifier for grey images.

    Args:
        name: one of :data:`fractura.models.registry.CLASSIFIERS`, or any timm model.
        classes: number of logits.
        pretrained: ``none``; ``default``, what timm, torchvision or MONAI download; or the path of
            a safetensors file with the architecture's own names, with or without its last layer,
            of a run of the same architecture, or of torchvision's ``mobilenet_v2`` for
            ``mobilenetv2_100``. The last layer is always new.
        dropout: share of the embedding that is dropped before the last layer in training.

    Raises:
        FracturaError: the name is no classifier's, or the weights cannot be had or do not fit.
    """
    if family(name) != "classifier":
        raise FracturaError(f"{name} is no classifier; it finds boxes")
    name = canonical(name)
    match name:
        case "custom-cnn":
            layers, features, stages = _custom_cnn()
        case "resnet50v2-c4":
            layers, features, stages = _resnet50v2_c4()
        case "monai-densenet121":
            layers, features, stages = _monai_densenet121(pretrained)
        case _:
            layers, features, stages = _timm(name, pretrained)
    if pretrained == "default" and name in ("custom-cnn", "resnet50v2-c4"):
        raise no_default(name)
    if pretrained not in ("none", "default"):
        _load(layers, name, Path(pretrained))
    return Classifier(Backbone(layers, stages), features, classes, dropout)


Built = tuple[nn.Module, int, list[list[str]]]


def _custom_cnn() -> Built:
    from fractura.models.custom_cnn import WIDTHS, CustomCNN

    layers = CustomCNN()
    blocks = ((f"blocks.{name}", block) for name, block in layers.blocks.named_children())
    return layers, WIDTHS[-1], stage_names(blocks, lambda *_: True)


def _resnet50v2_c4() -> Built:
    from fractura.models.resnet50v2_c4 import STAGES, ResNet50V2C4

    layers = ResNet50V2C4()
    stages = ((f"stages.{name}", stage) for name, stage in layers.stages.named_children())
    children = [("stem", layers.stem), ("bn_stem", layers.bn_stem), *stages, ("norm", layers.norm)]
    return layers, STAGES[-1][1], stage_names(children, lambda name, _: name.startswith("stages."))


def _monai_densenet121(pretrained: str) -> Built:
    layers = _monai(1)
    if pretrained == "default":
        colour = download(
            "monai-densenet121", "download.pytorch.org", lambda: _monai(3, pretrained=True)
        )
        fill(layers, colour.state_dict())
    children = layers.get_submodule("features").named_children()
    named = ((f"features.{name}", child) for name, child in children)
    return layers, 1024, stage_names(named, lambda name, _: "denseblock" in name)


def _monai(channels: int, *, pretrained: bool = False) -> nn.Module:
    from monai.networks.nets.densenet import DenseNet121

    layers = DenseNet121(2, channels, 1, pretrained=pretrained, progress=False)
    layers.class_layers.out = nn.Identity()
    return layers


def _timm(name: str, pretrained: str) -> Built:
    from timm.models import group_parameters

    timms = "legacy_xception" if name == "xception" else name
    if pretrained == "default":
        layers = download(name, "timm's hub", lambda: _timm_pretrained(timms))
    else:
        layers = _timm_model(timms)
    groups = group_parameters(layers, layers.group_matcher(coarse=True))
    features: int = getattr(layers, "head_hidden_size", None) or layers.num_features
    return layers, features, [groups[stage] for stage in sorted(groups)]


def _timm_pretrained(name: str) -> Any:
    from timm.models import get_pretrained_cfg

    settings = get_pretrained_cfg(name)
    if settings is None or not settings.hf_hub_id:
        return _timm_model(name, pretrained=True)
    cached = hub_file(settings.hf_hub_id)
    overlay = {"file": str(cached)} if cached and not settings.custom_load else None
    return _timm_model(name, pretrained=True, pretrained_cfg_overlay=overlay)


def _timm_model(name: str, **settings: Any) -> Any:
    from timm import create_model

    return create_model(name, in_chans=1, num_classes=0, **settings)


_HEADS = ("class_layers.out.", "classifier.", "fc.", "head.fc.", "last_linear.")
"""Last layers of published classifiers."""


def _load(layers: nn.Module, name: str, path: Path) -> None:
    tensors = read_weights(path)
    candidates: tuple[Tensors, ...] = (
        tensors,
        strip(tensors, "backbone.layers."),
        mobilenet_v2_in_order(tensors, layers),
    )
    for candidate in candidates:
        if fits(layers, candidate, _HEADS):
            return fill(layers, candidate, _HEADS)
    raise unfit(path, name, tensors)
