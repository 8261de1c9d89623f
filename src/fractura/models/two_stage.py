"""Two-stage refinement: base networks propose, and refiners see what they propose enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, softmax, softplus
from torchvision.ops import roi_align

from fractura.models.exported import is_exported
from fractura.models.network import (
    STRIDE,
    FractureNetwork,
    NetworkOutput,
    hold_statistics,
    load_exported,
)
from fractura.models.pretrained import fits, read_weights, unfit

PROPOSALS = 6
"""Proposals of each image that are refined."""
CROP_SIDE = 96
"""Height and width of a crop in pixels."""
SMALLEST_SIDE = 8.0
"""A shorter longer side counts as this, in input pixels."""
UNREFINED_PENALTY = 20.0
"""What is taken off the logits of cells that are not refined."""

SCORE_SHARE = 0.3
BOX_SHARE = 0.7
IMAGE_WEIGHT = 0.5
"""Share of the refiners in a box's logit and sides, and its weight in the image's logit."""

HEAT_SHARPNESS = 2.0
"""Factor of the base network's scores in the map that is shown as evidence."""

_BACKBONE = ("early", "stride_8", "stride_16")
"""Parts of a refiner that a base network has too, from input to output."""
_STEP = 2.0
_MOST = 2.5


class Refiner(nn.Module):
    """Tells of enlarged crops whether they show a fracture, and where exactly.

    MobileNetV2 up to stride 16, as in the base network but with its own weights, and layers over
    the whole grid, so that positions in it can be told.
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
            nn.Linear(16 * (CROP_SIDE // 8) ** 2 + 96 + 2, 128),
            nn.ReLU(inplace=True),
            nn.Dropout(0.2),
        )
        self.score = nn.Linear(128, 1)
        self.sides = nn.Linear(128, 4)
        nn.init.zeros_(self.sides.weight)
        nn.init.zeros_(self.sides.bias)

    def forward(self, crops: Tensor, shapes: Tensor) -> tuple[Tensor, Tensor]:
        """Refine ``N`` crops.

        Args:
            crops: ``[N, 1, CROP_SIDE, CROP_SIDE]``.
            shapes: ``[N, 2]``, logarithms of width and height of the proposed box over its
                longer side.

        Returns:
            Logits ``[N]``, and ``[N, 4]``: the fracture's centre and the logarithms of its width
            and height, for :func:`refined_boxes`.
        """
        at_8 = self.stride_8(self.early(crops))
        at_16 = self.stride_16(at_8)
        grid = self.fuse(self.lateral_8(at_8) + interpolate(self.lateral_16(at_16), scale_factor=2))
        whole = self.whole(at_16).mean((2, 3))
        hidden = self.hidden(torch.cat([grid.flatten(1), whole, shapes.to(grid.dtype)], 1))
        return self.score(hidden).float().squeeze(1), self.sides(hidden).float()


class TwoStageNetwork(nn.Module):
    """Multi-task networks and, at their best proposals, a :class:`Refiner`.

    A second stage that crops and classifies what the first proposes is Fast R-CNN's (Girshick
    2015, arXiv 1504.08083); here it sees the image's pixels, enlarged to one size, not features,
    because most fractures are small. Of several refiners, which see more or less of what is
    around, the answers are averaged. Input and output are a base network's. Of the scores, those
    of refined proposals are the weighted sum of both logits and all others lie far behind. The
    evidence that is shown is no class-activation map but the base networks' centre heat map,
    sharpened, ``[B, H/8, W/8]``: it points at fractures far better.
    """

    def __init__(
        self,
        channels: int = 64,
        members: int = 1,
        mirror_tta: bool = True,
        base_scales: Sequence[float] = (),
        crop_fill: Sequence[float] = (0.4,),
        *,
        hold_norm: bool = False,
    ) -> None:
        """Build it untrained.

        Args:
            channels: width of the base networks' feature pyramids and heads.
            members: number of base networks, whose answers are averaged (an ensemble).
            mirror_tta: each of them sees every image and its mirror image; without it, they take
                turns: the second, fourth, … see the mirror image alone.
            base_scales: what share of the input's size each sees, in 0..1, to 1/16: one that
                sees small images finds the large fractures of close views. Left out, all see it
                whole.
            crop_fill: what share of a crop's side the longer side of the proposed box takes, in
                0..1, for each refiner: the smaller, the more of what is around.
            hold_norm: batch norm of the refiners keeps its statistics in training, too.
        """
        super().__init__()
        self.hold_norm = hold_norm
        self.base = nn.ModuleList(FractureNetwork(channels) for _ in range(members))
        self.base.requires_grad_(False)
        self.mirror_tta = mirror_tta
        self.base_scales = tuple(base_scales) or (1.0,) * members
        self.crop_fill = tuple(crop_fill)
        self.refiners = nn.ModuleList(Refiner() for _ in crop_fill)

    def train(self, mode: bool = True) -> TwoStageNetwork:
        super().train(mode)
        self.base.eval()
        if self.hold_norm:
            hold_statistics(self.refiners)
        return self

    def forward(self, images: Tensor) -> NetworkOutput:
        output = self.run_base(images)
        logits, cells = propose(output.scores)
        index = cells[:, :, None].expand(-1, -1, 4)
        all_boxes = output.boxes.flatten(1, 2)
        boxes = all_boxes.gather(1, index)
        number = torch.arange(images.shape[0], device=images.device).repeat_interleave(PROPOSALS)
        refined, sides = self.refine(images, number, boxes.flatten(0, 1))
        better = refined_boxes(boxes.flatten(0, 1), sides).reshape(boxes.shape)
        refined = refined.reshape(logits.shape)
        mixed = logits + SCORE_SHARE * (refined - logits)
        scores = (output.scores.flatten(1) - UNREFINED_PENALTY).scatter(1, cells, mixed)
        boxes = all_boxes.scatter(1, index, boxes + BOX_SHARE * (better - boxes))
        return output._replace(
            scores=scores.reshape(output.scores.shape),
            boxes=boxes.reshape(output.boxes.shape),
            image=output.image + IMAGE_WEIGHT * refined.amax(1),
            evidence=HEAT_SHARPNESS * output.scores,
        )

    def run_base(self, images: Tensor) -> NetworkOutput:
        """The mean output of the base networks for images ``[B, 1, H, W]``.

        Where some see images whole, places and boxes are theirs alone: those that see them
        smaller know better whether there is a fracture elsewhere, but not where.

        Embeddings stand one after the other, ``[B, 320 * members]``: what one network takes for
        like radiographs, another may tell apart.
        """
        views: list[NetworkOutput] = []
        whole: list[NetworkOutput] = []
        embeddings = []
        for number, (member, size) in enumerate(zip(self.base, self.base_scales, strict=True)):
            own = []
            for seen, is_mirror in self._views(images, number):
                output = member(seen)
                if is_mirror:
                    output = mirrored(output, seen.shape[-1])
                own.append(spread(output, seen, images))
            views += own
            whole += own if size == 1 else []
            embeddings.append(torch.stack([view.embedding for view in own]).mean(0))
        output = averaged(views)._replace(embedding=torch.cat(embeddings, 1))
        if not whole:
            return output
        located = averaged(whole)
        return output._replace(scores=located.scores, boxes=located.boxes)

    def embed(self, images: Tensor) -> Tensor:
        """The embedding of :meth:`run_base` alone."""
        embeddings = []
        for number, member in enumerate(self.base):
            assert isinstance(member, FractureNetwork)
            own = [member.embed(seen) for seen, _ in self._views(images, number)]
            embeddings.append(torch.stack(own).mean(0))
        return torch.cat(embeddings, 1)

    def _views(self, images: Tensor, number: int) -> list[tuple[Tensor, bool]]:
        """What a base network sees of images, and whether that is their mirror images."""
        seen = shrunk(images, self.base_scales[number])
        plain, mirror = (seen, False), (seen.flip(-1), True)
        return [plain, mirror] if self.mirror_tta else [mirror if number % 2 else plain]

    def refine(self, images: Tensor, number: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """The mean output of the refiners for boxes; takes what :func:`cut_crops` does.

        Returns:
            Logits ``[N]`` and sides ``[N, 4]``, as :meth:`Refiner.forward`.
        """
        answers = [
            refiner(*cut_crops(images, number, boxes, share))
            for refiner, share in zip(self.refiners, self.crop_fill, strict=True)
        ]
        logits, sides = (torch.stack(answer).mean(0) for answer in zip(*answers, strict=True))
        return logits, sides

    def freeze(self, frozen: bool) -> None:
        """Train the new layers of the refiners alone, or all of them."""
        for part in _BACKBONE:
            for refiner in self.refiners:
                refiner.get_submodule(part).requires_grad_(not frozen)

    def stages(self) -> list[list[nn.Parameter]]:
        """The refiners' backbones from input to output, and last their new layers."""
        stages = [
            [item for own in self.refiners for item in own.get_submodule(part).parameters()]
            for part in _BACKBONE
        ]
        known = {id(item) for stage in stages for item in stage}
        return [*stages, [item for item in self.refiners.parameters() if id(item) not in known]]


def shrunk(images: Tensor, size: float) -> Tensor:
    """Images ``[B, 1, H, W]`` with both sides ``size`` times as long, up to a multiple of 32."""
    if size == 1:
        return images
    sixteenths = round(16 * size)
    height, width = ((side // 32 * sixteenths + 15) // 16 * 32 for side in images.shape[2:])
    return interpolate(images, (height, width), mode="bilinear")


def spread(output: NetworkOutput, seen: Tensor, images: Tensor) -> NetworkOutput:
    """The output for ``seen`` in the pixels of ``images``, from which it was shrunk.

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
    """The output for mirror images of this width in pixels, turned back."""
    x_min, y_min, x_max, y_max = output.boxes.flip(2).unbind(-1)
    return output._replace(
        scores=output.scores.flip(-1),
        boxes=torch.stack([width - x_max, y_min, width - x_min, y_max], -1),
    )


def averaged(views: Sequence[NetworkOutput]) -> NetworkOutput:
    """The mean of several outputs for the same images.

    Boxes count by the sigmoid of their scores, whose logarithm is minus ``softplus`` of minus the
    score: runtimes round the sigmoid itself to 0. Evidence and embedding are those of the first
    output.
    """
    scores = torch.stack([view.scores for view in views])
    weight_shares = softmax(-softplus(-scores), dim=0)[..., None]
    return views[0]._replace(
        scores=scores.mean(0),
        boxes=(torch.stack([view.boxes for view in views]) * weight_shares).sum(0),
        image=torch.stack([view.image for view in views]).mean(0),
        regions=torch.stack([view.regions for view in views]).mean(0),
        growth_plates=torch.stack([view.growth_plates for view in views]).mean(0),
    )


def propose(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The highest of the scores ``[B, h, w]`` that no neighbour exceeds.

    Returns:
        Logits ``[B, PROPOSALS]``, falling, and their cells as indices into ``h * w``.
    """
    peaks = scores >= max_pool2d(scores[:, None], 3, 1, 1)[:, 0]
    ranked = torch.where(peaks, scores, scores - UNREFINED_PENALTY).flatten(1)
    cells = ranked.topk(PROPOSALS, 1).indices
    return scores.flatten(1).gather(1, cells), cells


def cut_crops(images: Tensor, number: Tensor, boxes: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Cut out what lies around boxes, so that their longer sides are equally long.

    Args:
        images: ``[B, 1, H, W]``.
        number: ``[N]``, the image of each box.
        boxes: ``[N, 4]`` in pixels.
        share: of a crop's side that the longer sides take.

    Returns:
        What :meth:`Refiner.forward` takes.
    """
    centres, half = (boxes[:, :2] + boxes[:, 2:]) / 2, longer(boxes)[:, None] / share / 2
    regions = torch.cat([number[:, None].to(boxes.dtype), centres - half, centres + half], 1)
    crops = roi_align(images, regions.to(images.dtype), CROP_SIDE, aligned=True)
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1.0)
    return crops, (sides / longer(boxes)[:, None]).log()


def longer(boxes: Tensor) -> Tensor:
    """The longer side ``[N]`` of boxes ``[N, 4]``, at least :data:`SMALLEST_SIDE`."""
    return (boxes[:, 2:] - boxes[:, :2]).amax(1).clamp(min=SMALLEST_SIDE)


def refined_boxes(boxes: Tensor, sides: Tensor) -> Tensor:
    """Boxes ``[N, 4]`` in the image that a refiner's ``sides`` ``[N, 4]`` mean."""
    centres, unit = (boxes[:, :2] + boxes[:, 2:]) / 2, longer(boxes)[:, None]
    middle = centres + sides[:, :2] / _STEP * unit
    half = unit * (sides[:, 2:] / _STEP).clamp(-_MOST, _MOST).exp() / 2
    return torch.cat([middle - half, middle + half], 1)


def offsets_of(boxes: Tensor, truths: Tensor) -> Tensor:
    """The inverse of :func:`refined_boxes`: what a refiner should give, ``[N, 4]``."""
    unit = longer(boxes)[:, None]
    apart = (truths[:, :2] + truths[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
    sides = (truths[:, 2:] - truths[:, :2]).clamp(min=1.0)
    return torch.cat([apart / unit, (sides / unit).log()], 1) * _STEP


def load_base(network: TwoStageNetwork, runs: Sequence[str]) -> None:
    """Fill the base networks from multi-task runs' weights, and start the refiners from them.

    Args:
        network: to fill; has as many members as there are runs.
        runs: path of each run's ``weights.safetensors``, or a base network of an exported model
            (``fractura-s#1``).

    Raises:
        FracturaError: a file is missing or holds another network's weights.
    """
    for member, run in zip(network.base, runs, strict=True):
        assert isinstance(member, FractureNetwork)
        if is_exported(run):
            load_exported(member, run)
            continue
        tensors = read_weights(Path(run))
        if not fits(member, tensors):
            raise unfit(Path(run), "a base network of fractura-two-stage", tensors)
        member.load_state_dict(tensors)
    for refiner in network.refiners:
        for part in _BACKBONE:
            theirs = network.base[0].get_submodule(part)
            refiner.get_submodule(part).load_state_dict(theirs.state_dict())
