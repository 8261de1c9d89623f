"""Random variants of training images, in the order in which a radiograph comes to a network.

Framing and grey values change on the 8-bit image, as if in its file. Then come the steps of
:func:`fractura.imaging.preprocess.preprocess`: percentile stretch and padding. Geometry is last, so
padding
moves with the image and is zero, as in inference. With everything switched off, the result is
what ``fit`` makes of the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as transforms

from fractura.imaging.preprocess import PreprocessConfig, standardize
from fractura.training.data.framing import reframe
from fractura.training.data.geometry import Scene, boxes, key_points, move, orient, place, scene
from fractura.training.data.photometric import photometric
from fractura.training.data.segments import Image, Outline
from fractura.training.recipe import Augmentation


def augment(
    image: Image,
    outlines: Sequence[Outline],
    frame: tuple[int, int],
    config: PreprocessConfig,
    settings: Augmentation,
    seed: int,
    *,
    whole: bool = False,
) -> tuple[Tensor, Tensor]:
    """Draw one random variant.

    Args:
        image: uint8 ``[h, w]``, bone bright.
        outlines: float32 ``[n, 2]`` (x, y) for each fracture, in pixels of ``image``.
        frame: height and width of the result.
        fit: percentiles, mean and standard deviation.
        settings: ranges and probabilities.
        seed: 0 or more; everything random follows from it.
        whole: see :func:`fractura.training.data.framing.reframe`.

    Returns:
        float32 ``[1, H, W]``, and the boxes float32 ``[m, 4]`` of the fractures that stay visible.
    """
    random = np.random.default_rng(seed)
    item = _prepared(image, outlines, frame, config, settings, random, whole)
    item = move(place(item, frame), item.size, frame, settings, random)
    return item.image.as_subclass(Tensor), boxes(item)


def mosaic(
    images: Sequence[Image],
    outlines: Sequence[Sequence[Outline]],
    frame: tuple[int, int],
    config: PreprocessConfig,
    settings: Augmentation,
    seed: int,
) -> tuple[Tensor, Tensor]:
    """Four radiographs in one frame, each shrunk into its quarter (Bochkovskiy et al. 2020).

    Each is stretched by its own percentiles. The quarters meet at a random point around the
    frame's middle (arXiv 2004.10934). Arguments and result as in :func:`augment`.
    """
    random = np.random.default_rng(seed)
    down, across = (round(side * random.uniform(0.4, 0.6)) for side in frame)
    quarters = [
        (0, 0, down, across),
        (0, across, down, frame[1] - across),
        (down, 0, frame[0] - down, across),
        (down, across, frame[0] - down, frame[1] - across),
    ]
    parts = []
    for image, marks, (top, left, height, width) in zip(images, outlines, quarters, strict=True):
        item = _prepared(image, marks, frame, config, settings, random, False)
        parts.append(place(_shrunk(item, (height, width)), frame, top, left))
    whole = Scene(
        image=tv_tensors.Image(torch.stack([part.image for part in parts]).sum(0)),
        corners=key_points(torch.cat([part.corners for part in parts]), frame),
        counts=sum((part.counts for part in parts), ()),
    )
    item = move(whole, frame, frame, settings, random)
    return item.image.as_subclass(Tensor), boxes(item)


def _prepared(
    image: Image,
    outlines: Sequence[Outline],
    frame: tuple[int, int],
    config: PreprocessConfig,
    settings: Augmentation,
    random: np.random.Generator,
    whole: bool,
) -> Scene:
    framed, marks = reframe(image, outlines, settings, random, whole=whole)
    changed = photometric(framed, settings, random)
    pixels = standardize(changed.astype(np.float32) / np.float32(255), config)
    return orient(scene(pixels, marks), frame, settings, random)


def _shrunk(item: Scene, frame: tuple[int, int]) -> Scene:
    height, width = item.size
    scale = min(frame[0] / height, frame[1] / width)
    size = [max(1, int(height * scale)), max(1, int(width * scale))]
    return item._replace(
        image=transforms.resize(item.image, size, antialias=True),
        corners=transforms.resize(item.corners, size),
    )
