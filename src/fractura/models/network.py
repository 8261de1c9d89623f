"""The small multi-task network that ships: boxes, image probability and region in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, softplus
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models import mobilenet_v2

from fractura.models.exported import fill_from_exported, is_exported
from fractura.models.pretrained import download, fill, fits, read_weights, unfit
from fractura.regions import CLASSES

STRIDE = 8
EVIDENCE_STRIDE = 16
EVIDENCE_SHARPNESS = 2.0


class NetworkOutput(NamedTuple):
    """What the network says of ``B`` images of ``H`` × ``W`` pixels.

    Attributes:
        scores: logits ``[B, H/8, W/8]`` that a fracture's centre lies in a cell.
        boxes: ``[B, H/8, W/8, 4]``, the box (x_min, y_min, x_max, y_max) in input pixels that a
            fracture centred in this cell would have.
        image: logits ``[B]`` that the image shows a fracture.
        regions: logits ``[B, R]`` of the body regions, in the order of
            :data:`fractura.regions.CLASSES`.
        growth_plates: logits ``[B]`` that growth plates are open: a child or an adolescent.
        evidence: ``[B, H/16, W/16]``, the logits that are pooled into ``image``: its
            class-activation map, which is shown as heatmap.
        embedding: ``[B, 320]``, the backbone's last features averaged over the image, by which
            like radiographs are found; of several networks, ``[B, 320 * members]``.
    """

    scores: Tensor
    boxes: Tensor
    image: Tensor
    regions: Tensor
    growth_plates: Tensor
    evidence: Tensor
    embedding: Tensor


class FractureNetwork(nn.Module):
    """MobileNetV2 without batch norm, a three-level feature pyramid and three heads.

    The detection head follows TTFNet (Liu et al. 2020, arXiv 1909.00700): a centre heat map and
    distances to the four sides, at stride 8. The image head pools a map of evidence by
    log-mean-exp (Pinheiro and Collobert 2015, arXiv 1411.6228), which lets one small fracture
    decide, and adds a global term. Input: ``[B, 1, H, W]`` from ``imaging.preprocess``.
    """

    def __init__(self, channels: int = 64, *, hold_norm: bool = False) -> None:
        """Build it untrained.

        Args:
            channels: width of the feature pyramid and the heads.
            hold_norm: batch norm keeps its statistics in training, too.
        """
        super().__init__()
        self.hold_norm = hold_norm
        features = mobilenet_v2().features
        _first_convolution_to_grey(features)
        fold_batch_norm(features)
        self.early = features[:4]
        self.stride_8 = features[4:7]
        self.stride_16 = features[7:14]
        self.stride_32 = features[14:18]
        self.lateral_8 = nn.Conv2d(32, channels, 1)
        self.lateral_16 = nn.Conv2d(96, channels, 1)
        self.lateral_32 = nn.Conv2d(320, channels, 1)
        self.fuse_16 = _block(channels)
        self.fuse_8 = _block(channels)
        self.detect = nn.Sequential(_block(channels), _block(channels))
        self.score = nn.Conv2d(channels, 1, 1)
        self.sides = nn.Conv2d(channels, 4, 1)
        self.evidence = nn.Sequential(_block(channels), nn.Conv2d(channels, 1, 1))
        self.dropout = nn.Dropout(0.2)
        self.frozen = False
        self.whole = nn.Linear(320, 1)
        self.region = nn.Linear(320, len(CLASSES))
        self.growth_plates = nn.Linear(320, 1)
        nn.init.constant_(self.score.bias, -4.0)  # type: ignore[arg-type]
        nn.init.constant_(self.sides.bias, 1.5)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> NetworkOutput:
        at_8, at_16, at_32 = self._backbone(images)
        if self.frozen:
            at_8, at_16, at_32 = at_8.detach(), at_16.detach(), at_32.detach()
        fused_16 = self.fuse_16(self.lateral_16(at_16) + _double(self.lateral_32(at_32)))
        fused_8 = self.detect(self.fuse_8(self.lateral_8(at_8) + _double(fused_16)))
        evidence = self.evidence(fused_16).float().flatten(1, 2)
        embedding = at_32.float().mean((2, 3))
        pooled = self.dropout(embedding)
        return NetworkOutput(
            scores=self.score(fused_8).float().squeeze(1),
            boxes=_corners(softplus(self.sides(fused_8).float()) * STRIDE),
            image=self.whole(pooled).float().squeeze(1) + log_mean_exp(evidence),
            regions=self.region(pooled).float(),
            growth_plates=self.growth_plates(pooled).float().squeeze(1),
            evidence=evidence,
            embedding=embedding,
        )

    def embed(self, images: Tensor) -> Tensor:
        """The embedding ``[B, 320]`` alone, without feature pyramid and heads."""
        return self._backbone(images)[2].float().mean((2, 3))

    def _backbone(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features at strides 8, 16 and 32."""
        at_8 = self.stride_8(self.early(images))
        at_16 = self.stride_16(at_8)
        return at_8, at_16, self.stride_32(at_16)

    def train(self, mode: bool = True) -> FractureNetwork:
        super().train(mode)
        if self.hold_norm:
            hold_statistics(self)
        return self

    def freeze(self, frozen: bool) -> None:
        """Train the heads and the feature pyramid alone, or everything again."""
        self.frozen = frozen

    def stages(self) -> list[list[nn.Parameter]]:
        """The backbone's parameters from input to output, and last those of the new layers."""
        backbone = (self.early, self.stride_8, self.stride_16, self.stride_32)
        stages = [list(stage.parameters()) for stage in backbone]
        known = {id(item) for stage in stages for item in stage}
        return [*stages, [item for item in self.parameters() if id(item) not in known]]

    def freeze_early(self) -> None:
        """Exclude the layers up to stride 4 from training."""
        self.early.requires_grad_(False)


def log_mean_exp(evidence: Tensor) -> Tensor:
    """Pool ``[B, h, w]`` to ``[B]``, between the mean and the maximum."""
    flat = evidence.flatten(1) * EVIDENCE_SHARPNESS
    peak = flat.amax(1, keepdim=True)
    return (peak.squeeze(1) + (flat - peak).exp().mean(1).log()) / EVIDENCE_SHARPNESS


def load_pretrained(network: FractureNetwork, pretrained: str) -> None:
    """Fill the backbone from torchvision's ``mobilenet_v2``, or all of it from a trained network.

    Of torchvision's, batch norm is folded away and the first convolution summed over its three
    inputs, because radiographs are grey.

    Args:
        network: to fill.
        pretrained: ``default``, what torchvision downloads; the path of a safetensors file with
            its names, where ``classifier.*`` may be missing, or with a :class:`FractureNetwork`'s
            of as many channels; or an exported network, by the path of its ONNX file or a shipped
            model's name, where ``#1`` chooses the second of its base networks.

    Raises:
        FracturaError: the weights cannot be had or are another network's.
    """
    if pretrained == "default":
        source = download(
            "mobilenet_v2", "download.pytorch.org", lambda: mobilenet_v2(weights="DEFAULT")
        )
    elif is_exported(pretrained):
        load_exported(network, pretrained)
        return
    else:
        tensors = read_weights(Path(pretrained))
        if fits(network, tensors):
            fill(network, tensors)
            return
        source = mobilenet_v2()
        if not fits(source, tensors, ["classifier."]):
            raise unfit(Path(pretrained), "fractura", tensors)
        fill(source, tensors, ["classifier."])
    features = source.features.eval()
    _first_convolution_to_grey(features)
    fold_batch_norm(features)
    for target, first in (
        (network.early, 0),
        (network.stride_8, 4),
        (network.stride_16, 7),
        (network.stride_32, 14),
    ):
        target.load_state_dict(features[first : first + len(target)].state_dict())


def load_exported(network: FractureNetwork, pretrained: str) -> None:
    """Fill it from a base network of an exported model; see :func:`load_pretrained`.

    Heads that the model lacks say nothing until they are trained: their logits are 0.

    Raises:
        FracturaError: there is no such model, or it holds another network.
    """
    for head in (network.region, network.growth_plates):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    fill_from_exported(network, pretrained, f"base.{pretrained.partition('#')[2] or 0}.")


def hold_statistics(module: nn.Module) -> None:
    """Put every batch norm into evaluation, so that its running statistics stay."""
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.eval()


def fold_batch_norm(module: nn.Module) -> None:
    """Replace every convolution and batch norm that follow each other by one convolution."""
    module.eval()
    for sequence in module.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for index in range(len(sequence) - 1):
            convolution, norm = sequence[index], sequence[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(convolution, norm)
                fused.requires_grad_(convolution.weight.requires_grad)
                sequence[index] = fused
                sequence[index + 1] = nn.Identity()


def _first_convolution_to_grey(features: nn.Sequential) -> None:
    convolution = features[0].get_submodule("0")
    assert isinstance(convolution, nn.Conv2d)
    convolution.weight = nn.Parameter(convolution.weight.detach().sum(1, keepdim=True))
    convolution.in_channels = 1


def _block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


def _double(features: Tensor) -> Tensor:
    return interpolate(features, scale_factor=2.0, mode="nearest")


def _corners(sides: Tensor) -> Tensor:
    rows, columns = sides.shape[2:]
    x = (torch.arange(columns, device=sides.device, dtype=torch.float32) + 0.5) * STRIDE
    y = (torch.arange(rows, device=sides.device, dtype=torch.float32) + 0.5) * STRIDE
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y[:, None] - top, x + right, y[:, None] + bottom], dim=-1)
