"""A second look: what the multi-task network suspects is cut out, enlarged and judged again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d
from torchvision.ops import roi_align

from fractura.models.network import STRIDE, FractureNetwork, NetworkOutput
from fractura.models.pretrained import fits, read_weights, unfit

PLACES = 6
"""Places in an image that get a second look."""
SIDE = 96
"""Height and width of an enlarged place in pixels."""
SMALLEST = 8.0
"""A shorter longer side counts as this, in input pixels."""
BELOW = 20.0
"""By how much the logits of places without a second look fall behind."""

SCORE_SHARE = 0.3
BOX_SHARE = 0.7
IMAGE_WEIGHT = 0.5
"""Share of the second look in a box's logit and sides, and its weight in the image's logit."""

HEAT_SHARPNESS = 2.0
"""Factor of the first network's scores in the map that is shown as evidence."""

_BACKBONE = ("early", "stride_8", "stride_16")
"""Parts of a magnifier that a first network has too, from input to output."""
_STEP = 2.0
_MOST = 2.5


class Refiner(nn.Module):
    """Looks at enlarged places: is it a fracture, and where exactly?

    MobileNetV2 up to stride 16, as in the first network but with its own weights, and layers over
    the whole grid, so that places in it can be told.
    """

    def __init__(self) -> None:
        super().__init__()
        like = FractureNetwork()
        self.early, self.stride_8, self.stride_16 = like.early, like.stride_8, like.stride_16
        self.lateral_8 = nn.Conv2d(32, 48, 1)
        self.lateral_16 = nn.Conv2d(96, 48, 1)
        self.fuse = nn.Sequential(
            nn.Conv2d(48, 48, 3, padding=1, bias=False),
            nn.BatchNorm2d(48),
            nn.ReLU(inplace=True),
            nn.Conv2d(48, 16, 1),
            nn.ReLU(inplace=True),
        )
        self.whole = nn.Sequential(nn.Conv2d(96, 96, 1), nn.ReLU(inplace=True))
        self.hidden = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(16 * (SIDE // 8) ** 2 + 96 + 2, 128),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2),
        )
        self.score = nn.Linear(128, 1)
        self.sides = nn.Linear(128, 4)
        nn.init.zeros_(self.sides.weight)
        nn.init.zeros_(self.sides.bias)

    def forward(self, places: Tensor, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """Judge ``N`` places.

        Args:
            places: ``[N, 1, SIDE, SIDE]``.
            shapes: ``[N, 2]``, logarithms of width and height of the suspected box over its
                longer side.

        Returns:
            Logits ``[N]``, and ``[N, 4]``: the fracture's centre and the logarithms of its width
            and height, for :func:`seen_boxes`.
        """
        at_8 = self.stride_8(self.early(places))
        at_16 = self.stride_16(at_8)
        grid = self.fuse(self.lateral_8(at_8) + interpolate(self.lateral_16(at_16), scale_factor=2))
        whole = self.whole(at_16).mean((2, 3))
        hidden = self.hidden(torch.cat([grid.flatten(1), whole, shapes.to(grid.dtype)], 1))
        return self.score(hidden).float().squeeze(1), self.sides(hidden).float()


class TwoStageNetwork(nn.Module):
    """Multi-task networks and, at their most suspicious places, a :class:`Refiner`.

    A second stage that cuts out and judges what a first one proposes is Fast R-CNN's (Girshick
    2015, arXiv 1504.08083); here it sees the image's pixels, enlarged to one size, not features,
    because most fractures are small. Of several magnifiers, which see more or less of what is
    around, the answers are averaged. Input and output are a first network's. Of the scores, those
    of looked-at places are the weighted sum of both logits and all others lie far behind. The
    evidence that is shown is no class-activation map but the first networks' centre heat map,
    sharpened, ``[B, H/8, W/8]``: it points at fractures far better.
    """

    def __init__(
        self,
        channels: int = 64,
        members: int = 1,
        mirror_tta: bool = True,
        base_scales: Sequence[float] = (),
        crop_fill: Sequence[float] = (0.4,),
    ) -> None:
        """Build it untrained.

        Args:
            channels: width of the first networks' feature pyramids and heads.
            members: number of first networks, whose answers are averaged (an ensemble).
            mirror_tta: each of them sees every image and its mirror image; without it, they take
                turns: the second, fourth, … see the mirror image alone.
            base_scales: what share of the input's size each sees, in 0..1, to 1/16: one that
                sees small images finds the large fractures of close views. Left out, all see it
                whole.
            crop_fill: what share of a place's side the longer side of the suspected box takes, in
                0..1, for each magnifier: the smaller, the more of what is around.
        """
        super().__init__()
        self.first = nn.ModuleList(FractureNetwork(channels) for _ in range(members))
        self.first.requires_grad_(False)
        self.mirror_tta = mirror_tta
        self.base_scales = tuple(base_scales) or (1.0,) * members
        self.crop_fill = tuple(crop_fill)
        self.magnifiers = nn.ModuleList(Refiner() for _ in crop_fill)

    def train(self, mode: bool = True) -> TwoStageNetwork:
        super().train(mode)
        self.first.eval()
        return self

    def forward(self, images: Tensor) -> NetworkOutput:
        output = self.look(images)
        logits, cells = suspicious(output.scores)
        index = cells[:, :, None].expand(-1, -1, 4)
        all_boxes = output.boxes.flatten(1, 2)
        boxes = all_boxes.gather(1, index)
        number = torch.arange(images.shape[0], device=images.device).repeat_interleave(PLACES)
        seen, sides = self.judge(images, number, boxes.flatten(0, 1))
        better = seen_boxes(boxes.flatten(0, 1), sides).reshape(boxes.shape)
        seen = seen.reshape(logits.shape)
        mixed = logits + SCORE_SHARE * (seen - logits)
        scores = (output.scores.flatten(1) - BELOW).scatter(1, cells, mixed)
        boxes = all_boxes.scatter(1, index, boxes + BOX_SHARE * (better - boxes))
        return output._replace(
            scores=scores.reshape(output.scores.shape),
            boxes=boxes.reshape(output.boxes.shape),
            image=output.image + IMAGE_WEIGHT * seen.amax(1),
            evidence=HEAT_SHARPNESS * output.scores,
        )

    def look(self, images: Tensor) -> NetworkOutput:
        """What the first networks say of images ``[B, 1, H, W]``, averaged."""
        views = []
        for number, (member, size) in enumerate(zip(self.first, self.base_scales, strict=True)):
            seen = shrunk(images, size)
            if self.mirror_tta or number % 2 == 0:
                views.append(spread(member(seen), seen, images))
            if self.mirror_tta or number % 2 == 1:
                mirror = mirrored(member(seen.flip(-1)), seen.shape[-1])
                views.append(spread(mirror, seen, images))
        return averaged(views)

    def judge(self, images: Tensor, number: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """What the magnifiers say of boxes, averaged; takes what :func:`enlarged` does."""
        answers = [
            magnifier(*enlarged(images, number, boxes, share))
            for magnifier, share in zip(self.magnifiers, self.crop_fill, strict=True)
        ]
        logits, sides = (torch.stack(answer).mean(0) for answer in zip(*answers, strict=True))
        return logits, sides

    def freeze(self, frozen: bool) -> None:
        """Train the new layers of the magnifiers alone, or all of them."""
        for part in _BACKBONE:
            for magnifier in self.magnifiers:
                magnifier.get_submodule(part).requires_grad_(not frozen)

    def stages(self) -> list[list[nn.Parameter]]:
        """The magnifiers' backbones from input to output, and last their new layers."""
        stages = [
            [item for own in self.magnifiers for item in own.get_submodule(part).parameters()]
            for part in _BACKBONE
        ]
        known = {id(item) for stage in stages for item in stage}
        return [*stages, [item for item in self.magnifiers.parameters() if id(item) not in known]]


def shrunk(images: Tensor, size: float) -> Tensor:
    """Images ``[B, 1, H, W]`` with both sides ``size`` times as long, up to a multiple of 32."""
    if size == 1:
        return images
    sixteenths = round(16 * size)
    height, width = ((side // 32 * sixteenths + 15) // 16 * 32 for side in images.shape[2:])
    return interpolate(images, (height, width), mode="bilinear")


def spread(output: NetworkOutput, seen: Tensor, images: Tensor) -> NetworkOutput:
    """What was said of ``seen``, as if it had been said of ``images``, from which it was shrunk.

    Evidence and embedding stay as they are.
    """
    if seen is images:
        return output
    (height, width), (rows, columns) = images.shape[2:], seen.shape[2:]
    grid = (height // STRIDE, width // STRIDE)
    boxes = interpolate(output.boxes.permute(0, 3, 1, 2), grid, mode="bilinear")
    across, down = boxes[:, 0::2] * width / columns, boxes[:, 1::2] * height / rows
    return output._replace(
        scores=interpolate(output.scores[:, None], grid, mode="bilinear")[:, 0],
        boxes=torch.stack([across, down], -1).permute(0, 2, 3, 1, 4).flatten(3),
    )


def mirrored(output: NetworkOutput, width: int) -> NetworkOutput:
    """What was said of mirror images of this width, turned back."""
    x_min, y_min, x_max, y_max = output.boxes.flip(2).unbind(-1)
    return output._replace(
        scores=output.scores.flip(-1),
        boxes=torch.stack([width - x_max, y_min, width - x_min, y_max], -1),
    )


def averaged(views: Sequence[NetworkOutput]) -> NetworkOutput:
    """The mean of several answers to the same images.

    Boxes count by their scores. Evidence and embedding are those of the first answer.
    """
    scores = torch.stack([view.scores for view in views])
    weights = torch.sigmoid(scores)
    weight_shares = (weights / weights.sum(0))[..., None]
    return views[0]._replace(
        scores=scores.mean(0),
        boxes=(torch.stack([view.boxes for view in views]) * weight_shares).sum(0),
        image=torch.stack([view.image for view in views]).mean(0),
        regions=torch.stack([view.regions for view in views]).mean(0),
    )


def suspicious(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The highest of the scores ``[B, h, w]`` that no neighbour exceeds.

    Returns:
        Logits ``[B, PLACES]``, falling, and their cells as indices into ``h * w``.
    """
    peaks = scores >= max_pool2d(scores[:, None], 3, 1, 1)[:, 0]
    ranked = torch.where(peaks, scores, scores - BELOW).flatten(1)
    cells = ranked.topk(PLACES, 1).indices
    return scores.flatten(1).gather(1, cells), cells


def enlarged(images: Tensor, number: Tensor, boxes: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Cut out what lies around boxes, so that their longer sides are equally long.

    Args:
        images: ``[B, 1, H, W]``.
        number: ``[N]``, the image of each box.
        boxes: ``[N, 4]`` in pixels.
        share: of a place's side that the longer sides take.

    Returns:
        What :meth:`Refiner.forward` takes.
    """
    centres, half = (boxes[:, :2] + boxes[:, 2:]) / 2, longer(boxes)[:, None] / share / 2
    regions = torch.cat([number[:, None].to(boxes.dtype), centres - half, centres + half], 1)
    places = roi_align(images, regions.to(images.dtype), SIDE, aligned=True)
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1.0)
    return places, (sides / longer(boxes)[:, None]).log()


def longer(boxes: Tensor) -> Tensor:
    """The longer side ``[N]`` of boxes ``[N, 4]``, at least :data:`SMALLEST`."""
    return (boxes[:, 2:] - boxes[:, :2]).amax(1).clamp(min=SMALLEST)


def seen_boxes(boxes: Tensor, sides: Tensor) -> Tensor:
    """Boxes ``[N, 4]`` in the image that the magnifier's ``sides`` ``[N, 4]`` mean."""
    centres, unit = (boxes[:, :2] + boxes[:, 2:]) / 2, longer(boxes)[:, None]
    middle = centres + sides[:, :2] / _STEP * unit
    half = unit * (sides[:, 2:] / _STEP).clamp(-_MOST, _MOST).exp() / 2
    return torch.cat([middle - half, middle + half], 1)


def sides_of(boxes: Tensor, truths: Tensor) -> Tensor:
    """The inverse of :func:`seen_boxes`: what the magnifier should say, ``[N, 4]``."""
    unit = longer(boxes)[:, None]
    apart = (truths[:, :2] + truths[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
    sides = (truths[:, 2:] - truths[:, :2]).clamp(min=1.0)
    return torch.cat([apart / unit, (sides / unit).log()], 1) * _STEP


def load_first(network: TwoStageNetwork, runs: Sequence[str]) -> None:
    """Fill the first networks from multi-task runs' weights, and start the magnifiers from them.

    Args:
        network: to fill; has as many members as there are runs.
        runs: path of each run's ``weights.safetensors``.

    Raises:
        FracturaError: a file is missing or holds another network's weights.
    """
    for member, run in zip(network.first, runs, strict=True):
        tensors = read_weights(Path(run))
        if not fits(member, tensors):
            raise unfit(Path(run), "a first network of fractura-two-stage", tensors)
        member.load_state_dict(tensors)
    for magnifier in network.magnifiers:
        for part in _BACKBONE:
            theirs = network.first[0].get_submodule(part)
            magnifier.get_submodule(part).load_state_dict(theirs.state_dict())
