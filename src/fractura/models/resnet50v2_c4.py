"""ResNet-50 v2 up to its fourth stage, as Gluon published it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu

STAGES = ((64, 256, 3, 1), (128, 512, 4, 2), (256, 1024, 6, 2))
"""Inner width, outer width, number of blocks and stride of each stage."""


class ResNet50V2C4(nn.Module):
    """Pre-activation ResNet-50 (He et al. 2016, arXiv 1603.05027) without its last stage.

    Batch norm without weights on the data, a 7 × 7 stem, 3-4-6 bottlenecks that carry the stride
    in the 3 × 3 convolution of their stage's first block, and a last batch norm. Stride 16.
    Input ``[B, 1, H, W]``, output ``[B, 1024]``. The grey channel is shown to all three inputs of
    the published stem, since each has statistics of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bn_data = nn.BatchNorm2d(3, affine=False)
        self.stem = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn_stem = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.Sequential()
        inputs = 64
        for inner, outer, blocks, stride in STAGES:
            first = Bottleneck(inputs, inner, outer, stride)
            others = (Bottleneck(outer, inner, outer, 1) for _ in range(blocks - 1))
            self.stages.append(nn.Sequential(first, *others))
            inputs = outer
        self.norm = nn.BatchNorm2d(inputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        data = self.bn_data(images.expand(-1, 3, -1, -1))
        features = self.pool(relu(self.bn_stem(self.stem(data))))
        return relu(self.norm(self.stages(features))).mean((2, 3))


class Bottleneck(nn.Module):
    """Batch norm and ReLU before each of three convolutions; a projection where widths differ."""

    def __init__(self, inputs: int, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.norm3 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outer, 1, bias=False)
        self.downsample = (
            nn.Conv2d(inputs, outer, 1, stride=stride, bias=False) if inputs != outer else None
        )

    def forward(self, features: Tensor) -> Tensor:
        ready = relu(self.norm1(features))
        shortcut = features if self.downsample is None else self.downsample(ready)
        inner = self.conv2(relu(self.norm2(self.conv1(ready))))
        changed: Tensor = self.conv3(relu(self.norm3(inner)))
        return changed + shortcut
