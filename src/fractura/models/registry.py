"""The names of all architectures."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Literal

from fractura.errors import FracturaError

Family = Literal["classifier", "detector", "multi-task", "two-stage"]

MULTI_TASK = "fractura"
"""The base network that ships, :class:`fractura.models.network.FractureNetwork`."""

TWO_STAGE = "fractura-two-stage"
"""The same with refiners on top, :class:`fractura.models.two_stage.TwoStageNetwork`."""

OWN_CLASSIFIERS = ("custom-cnn", "monai-densenet121", "resnet50v2-c4")

CLASSIFIERS = (
    *OWN_CLASSIFIERS,
    "resnet18",
    "resnet50",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    "densenet121",
    "vgg16",
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "inception_v3",
    "xception",
)
"""Classifiers that are tested one by one. Any other name of a timm model is one, too."""

DETECTORS = (
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v2_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
)

ALIASES = {
    "resnet-18": "resnet18",
    "resnet-50": "resnet50",
    "efficientnet-b0": "efficientnet_b0",
    "densenet-121": "densenet121",
    "vgg-16": "vgg16",
    "mobilenet": "mobilenetv1_100",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenetv2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenetv3": "mobilenetv3_large_100",
    "inceptionv3": "inception_v3",
    "inception-v3": "inception_v3",
    "legacy_xception": "xception",
}
"""Other names that are in use for :data:`CLASSIFIERS`."""


def canonical(name: str) -> str:
    """The name under which an architecture is listed.

    Raises:
        FracturaError: nothing has this name; gives near ones.
    """
    known = (MULTI_TASK, TWO_STAGE, *CLASSIFIERS, *DETECTORS)
    name = ALIASES.get(name.lower(), name)
    if name in known:
        return name
    import timm

    if timm.is_model(name):
        return name
    near = get_close_matches(name, {*known, *ALIASES, *timm.list_models()}, n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else "fractura models --architectures"
    raise FracturaError(f"{name!r} is no architecture; {advice}")


def family(name: str) -> Family:
    """What kind of network a name stands for.

    Raises:
        FracturaError: nothing has this name; gives near ones.
    """
    name = canonical(name)
    if name == MULTI_TASK:
        return "multi-task"
    if name == TWO_STAGE:
        return "two-stage"
    return "detector" if name in DETECTORS else "classifier"
