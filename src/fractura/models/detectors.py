"""torchvision's detectors, for grey inputs from ``imaging.preprocess`` and one kind of finding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import detection, get_model_weights, mobilenet_v2
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.ops import clip_boxes_to_image, remove_small_boxes
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from fractura.errors import FracturaError
from fractura.models.backbone import Backbone, stage_names
from fractura.models.pretrained import (
    Tensors,
    download,
    fill,
    fits,
    read_weights,
    unfit,
)
from fractura.models.registry import DETECTORS, canonical

DETECTIONS = 100
SCORE_FLOOR = 0.001
HARDEST = 30
"""Background anchors that SSD learns from in an image without a fracture."""

FRACTURE = 1
"""The label of a fracture where label 0 is the background."""


class Detections(NamedTuple):
    """What a detector finds in one image, the best first.

    Attributes:
        boxes: ``[n, 4]`` (x_min, y_min, x_max, y_max) in input pixels, ``n`` at most 100.
        scores: ``[n]``, above 0.001 and up to 1, falling.
    """

    boxes: Tensor
    scores: Tensor


class Detector(nn.Module):
    """One of torchvision's detectors behind one interface.

    In training it turns images ``[B, 1, H, W]`` and the boxes in each (``[n, 4]``, ``n`` may be 0)
    into named losses; in evaluation it turns images into a list of :class:`Detections`.
    """

    def __init__(self, model: nn.Module, bodies: Sequence[Backbone], label: int) -> None:
        super().__init__()
        self.model = model
        self._bodies = tuple(bodies)
        self._label = label

    def forward(
        self, images: Tensor, boxes: Sequence[Tensor] | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        if self.training:
            if boxes is None:
                raise ValueError("a detector in training needs boxes")
            losses: dict[str, Tensor] = self.model(images, self._targets(images, boxes))
            return losses
        found = self.model(images)
        return [Detections(item["boxes"].float(), item["scores"].float()) for item in found]

    def freeze(self, frozen: bool) -> None:
        """Train the pyramid and the heads alone, or everything; see :meth:`Backbone.freeze`."""
        for body in self._bodies:
            body.freeze(frozen)

    def stages(self) -> list[list[nn.Parameter]]:
        """All parameters once, from input to output; the last list is the pyramid's and heads'."""
        stages = [stage for body in self._bodies for stage in body.stages()]
        early = {id(parameter) for stage in stages for parameter in stage}
        return [*stages, [item for item in self.parameters() if id(item) not in early]]

    def _targets(self, images: Tensor, boxes: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        clean = [clean_boxes(item.to(images.device), images.shape[-2:]) for item in boxes]
        return [
            {"boxes": item, "labels": torch.full((len(item),), self._label, device=item.device)}
            for item in clean
        ]


def clean_boxes(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Boxes ``[n, 4]`` clipped to ``size`` (height, width); those that are not finite, or less
    than a pixel wide or high, are left out."""
    boxes = boxes.reshape(-1, 4).float()
    boxes = clip_boxes_to_image(boxes[boxes.isfinite().all(1)], tuple(size))
    return boxes[remove_small_boxes(boxes, 1.0)]


def build_detector(name: str, *, pretrained: str = "none", side: int) -> Detector:
    """Build a detector for grey images.

    Every layer trains. Without pretrained weights so does all batch norm: with statistics of
    nothing, frozen batch norm would not. With them, the backbone's batch norm keeps its running
    statistics, since a batch of a detector is too small to estimate them. This is what
    torchvision's ``FrozenBatchNorm2d`` does, but the layers, and so the names in a weights file,
    are the same either way.

    Args:
        name: one of :data:`fractura.models.registry.DETECTORS`.
        pretrained: ``none``; ``default``, torchvision's COCO weights with a new last layer
            (ImageNet's for ``fasterrcnn_mobilenet_v2_fpn``); or the path of a safetensors file
            with torchvision's names for the whole detector or for the classifier that is its
            backbone, or of a run of the same architecture.
        side: height and width of the inputs in pixels, for the size of the anchors.

    Raises:
        FracturaError: the name is no detector's, or the weights cannot be had or do not fit.
    """
    name = canonical(name)
    if name not in DETECTORS:
        raise FracturaError(f"{name} is no detector; these are: {', '.join(DETECTORS)}")
    model = _mobilenet_v2_fpn(side) if name == "fasterrcnn_mobilenet_v2_fpn" else _torchvision(name)
    model.transform = _AsItIs()
    _make_grey(model.backbone)
    if pretrained == "default":
        _load_torchvision(model, _published(name))
    tensors = read_weights(Path(pretrained)) if pretrained not in ("none", "default") else {}
    loaded = _load_torchvision(model, tensors)
    bodies = _wrap_bodies(model.backbone, hold_norm=pretrained != "none")
    detector = Detector(model, bodies, _label(name))
    if tensors and not loaded:
        if not fits(detector, tensors):
            raise unfit(Path(pretrained), name, tensors)
        fill(detector, tensors)
    return detector


class _AsItIs(detection.transform.GeneralizedRCNNTransform):  # type: ignore[misc]
    """No normalizing and no resizing: ``imaging.preprocess`` did both. (Its ``_skip_resize``
    skips in training alone.)"""

    def __init__(self) -> None:
        super().__init__(min_size=1, max_size=1, image_mean=[0.0], image_std=[1.0])

    def forward(
        self, images: Tensor, targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        height, width = images.shape[-2:]
        return ImageList(images, [(height, width)] * len(images)), targets

    def postprocess(self, result: Any, image_shapes: Any, original_image_sizes: Any) -> Any:
        return result


class _SSD(SSD):  # type: ignore[misc]
    """SSD that learns from normal radiographs, too.

    torchvision's takes three background anchors for each anchor on an object of the same image, so
    none where there is no object. Here an image without boxes adds its hardest ones, with the
    weight that the background has beside an object.
    """

    def compute_loss(
        self,
        targets: list[dict[str, Tensor]],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = super().compute_loss(
            targets, head_outputs, anchors, matched_idxs
        )
        normal = [index for index, target in enumerate(targets) if not len(target["boxes"])]
        if normal:
            background = -head_outputs["cls_logits"][normal].float().log_softmax(-1)[..., 0]
            hardest = background.topk(min(HARDEST, background.shape[1])).values.mean()
            share = len(normal) / len(targets)
            losses["classification"] = (
                losses["classification"] + self.neg_to_pos_ratio * share * hardest
            )
        return losses


def _torchvision(name: str) -> Any:
    build = getattr(detection, name)
    start = {"weights": None, "weights_backbone": None}
    if name.startswith("fasterrcnn"):
        model = build(**start, num_classes=2, rpn_score_thresh=0.0, **_BOXES)
        model.rpn.anchor_generator = _halved(model.rpn.anchor_generator)
        return model
    limits = {"score_thresh": SCORE_FLOOR, "detections_per_img": DETECTIONS}
    model = build(**start, num_classes=1 + _label(name), **limits)
    if name.startswith("retinanet"):
        model.anchor_generator = _halved(model.anchor_generator)
    elif name.startswith("ssd"):
        model.anchor_generator = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.05, max_ratio=0.5)
        model.__class__ = _SSD
    return model


def _mobilenet_v2_fpn(side: int) -> Any:
    """Faster R-CNN small enough for a CPU: strides 8, 16, 32 and 64, 128 channels.

    In FracAtlas a fracture's side (the root of its area) is 5.8 % of the radiograph's longer side
    in the median; 90 % lie between 3 and 14 %.
    """
    shares = ((0.03, 0.045), (0.065, 0.095), (0.14, 0.2), (0.3, 0.45))
    sizes = tuple(tuple(round(share * side) for share in level) for level in shares)
    channels, hidden = 128, 512
    return FasterRCNN(
        BackboneWithFPN(
            mobilenet_v2().features,
            return_layers={"6": "0", "13": "1", "18": "2"},
            in_channels_list=[32, 96, 1280],
            out_channels=channels,
            extra_blocks=LastLevelMaxPool(),
        ),
        rpn_anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes)),
        rpn_post_nms_top_n_train=1000,
        rpn_post_nms_top_n_test=300,
        box_batch_size_per_image=128,
        box_head=TwoMLPHead(channels * 7 * 7, hidden),
        box_predictor=FastRCNNPredictor(hidden, 2),
        **_BOXES,
    )


_BOXES = {"box_score_thresh": SCORE_FLOOR, "box_detections_per_img": DETECTIONS}

_NEW = (
    "roi_heads.box_predictor.",
    "head.classification_head.cls_logits.",
    "head.classification_head.module_list.",
)
"""Last layers, whose size depends on the number of classes."""


def _label(name: str) -> int:
    """RetinaNet and FCOS have no background class, so their only class is the first."""
    return 0 if name.startswith(("retinanet", "fcos")) else FRACTURE


def _halved(anchors: AnchorGenerator) -> AnchorGenerator:
    """torchvision's anchors suit a shorter side of 800 pixels; ours is about half of that."""
    sizes = tuple(tuple(size // 2 for size in level) for level in anchors.sizes)
    return AnchorGenerator(sizes, anchors.aspect_ratios)


def _make_grey(backbone: nn.Module) -> None:
    first = next(module for module in backbone.modules() if isinstance(module, nn.Conv2d))
    first.weight = nn.Parameter(first.weight.detach().sum(1, keepdim=True))
    first.in_channels = 1


def _published(name: str) -> Tensors:
    weights = get_model_weights(
        "mobilenet_v2" if name == "fasterrcnn_mobilenet_v2_fpn" else name
    ).DEFAULT
    tensors: Tensors = download(
        name,
        "download.pytorch.org",
        lambda: weights.get_state_dict(progress=False, check_hash=True, weights_only=True),
    )
    return tensors


def _load_torchvision(model: Any, tensors: Tensors) -> bool:
    """Fill the detector, or its backbone from a classifier, if the names are theirs."""
    if fits(model, tensors, _NEW):
        fill(model, tensors, _NEW)
        return True
    body = getattr(model.backbone, "body", None)
    classifier = {name.removeprefix("features."): tensor for name, tensor in tensors.items()}
    if body is None or not fits(body, classifier, _CLASSIFIER):
        return False
    fill(body, classifier, _CLASSIFIER)
    return True


_CLASSIFIER = ("classifier.", "fc.")


def _wrap_bodies(backbone: Any, *, hold_norm: bool) -> list[Backbone]:
    """Put the layers that come from a classifier into :class:`Backbone`, where they are."""
    places = (
        [(backbone, "body")]
        if hasattr(backbone, "body")
        else [(backbone.features, name) for name, _ in backbone.features.named_children()]
    )
    bodies = []
    for parent, name in places:
        layers = parent.get_submodule(name)
        stages = stage_names(layers.named_children(), _starts_stage)
        bodies.append(Backbone(layers, stages, hold_norm=hold_norm))
        setattr(parent, name, bodies[-1])
    return bodies


def _starts_stage(name: str, child: nn.Module) -> bool:
    """ResNet's layers, and the blocks with a stride of torchvision's MobileNets."""
    return name.startswith("layer") or getattr(child, "_is_cn", False)
