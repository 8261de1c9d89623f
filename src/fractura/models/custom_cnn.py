"""The small convolutional network that fracture projects write themselves."""

from __future__ import annotations

from torch import Tensor, nn

WIDTHS = (32, 64, 128, 256)
DROPOUT = 0.3


class CustomCNN(nn.Module):
    """Four blocks of convolution, batch norm, ReLU, max-pooling and dropout, averaged at the end.

    The weights start as He et al. 2015 (arXiv 1502.01852) propose. Input ``[B, 1, H, W]`` of at
    least 16 × 16 pixels, output ``[B, 256]``. The L2 penalty is the optimiser's weight decay.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *WIDTHS[:-1])
        self.blocks = nn.Sequential(*map(_block, inputs, WIDTHS))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.pool(self.blocks(images))
        return features


def _block(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(
        convolution,
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout(DROPOUT),
    )
