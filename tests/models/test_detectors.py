"""Every detector by name: losses, detections, freezing, stages, and its weights' way in."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import detection, mobilenet_v2
from torchvision.ops import box_iou

from fractura.errors import FracturaError
from fractura.imaging.phantom import make_phantom
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.models.detectors import DETECTIONS, SCORE_FLOOR, build_detector, clean_boxes
from fractura.models.registry import DETECTORS

SIDE = 64
BOX = torch.tensor([[12.0, 20.0, 30.0, 44.0]])
NONE = torch.zeros(0, 4)


@pytest.mark.parametrize("name", DETECTORS)
def test_detector_learns_from_fractures_and_normals(name: str) -> None:
    torch.manual_seed(0)
    detector = build_detector(name, side=SIDE)
    _fewer_proposals(detector)
    images = torch.randn(2, 1, SIDE, SIDE)
    stages = detector.stages()
    staged = [id(parameter) for stage in stages for parameter in stage]
    assert len(staged) == len(set(staged))
    assert set(staged) == {id(parameter) for parameter in detector.parameters()}
    first = next(m for m in detector.modules() if isinstance(m, torch.nn.Conv2d))
    assert any(first.weight is parameter for parameter in stages[0])

    _total(detector(images, [BOX, NONE])).backward()
    assert all(item.grad is not None for item in detector.parameters())

    detector.zero_grad()
    _total(detector(images, [NONE, NONE])).backward()
    early = [item for stage in stages[:-1] for item in stage]
    assert any(item.grad is not None and item.grad.abs().max() > 0 for item in early)

    detector.zero_grad()
    detector.freeze(True)
    detector.train()
    body = [module for module in detector.modules() if getattr(module, "frozen", False)]
    before = [value.clone() for module in body for value in module.state_dict().values()]
    _total(detector(images, [BOX, NONE])).backward()
    assert all(item.grad is None and item.requires_grad for item in early)
    assert all(item.grad is not None for item in stages[-1])
    after = [value for module in body for value in module.state_dict().values()]
    assert all(map(torch.equal, before, after))
    detector.freeze(False)
    assert all(module.training for module in detector.modules())

    detector.eval()
    with torch.no_grad():
        found = detector(images)
    assert len(found) == 2
    for boxes, scores in found:
        assert boxes.shape == (len(scores), 4)
        assert len(scores) <= DETECTIONS
        assert ((scores > SCORE_FLOOR) & (scores <= 1)).all()
        assert (scores.diff() <= 0).all()
        assert ((boxes >= 0) & (boxes <= SIDE)).all()


def test_boxes_without_area_or_sense_change_nothing() -> None:
    nan, inf = float("nan"), float("inf")
    hostile = torch.tensor(
        [
            [nan, 0, 10, 10],
            [0, 0, inf, 10],
            [5, 5, 5, 20],
            [5, 5, 20, 5],
            [20, 20, 5, 5],
            [-30, -30, -10, -10],
            [SIDE + 5, 5, SIDE + 20, 20],
        ]
    )
    assert torch.equal(clean_boxes(torch.cat([hostile, BOX]), (SIDE, SIDE)), BOX)
    assert torch.equal(clean_boxes(torch.tensor([-9.0, 3, 9, 99]), (64, 32)), _row(0, 3, 9, 64))
    for name in ("fasterrcnn_mobilenet_v2_fpn", "ssdlite320_mobilenet_v3_large"):
        losses = []
        for boxes in (BOX, torch.cat([hostile, BOX])):
            torch.manual_seed(0)
            detector = build_detector(name, side=SIDE)
            losses.append(detector(torch.randn(2, 1, SIDE, SIDE), [boxes, hostile]))
        assert losses[0] == losses[1]


def test_ssd_is_told_of_false_boxes_on_normals() -> None:
    torch.manual_seed(0)
    detector = build_detector("ssdlite320_mobilenet_v3_large", side=SIDE)
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.05)
    images = torch.randn(4, 1, SIDE, SIDE)
    losses = []
    for _ in range(15):
        loss = detector(images, [NONE] * 4)["classification"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 2


def test_a_phantoms_fracture_is_learned_by_heart() -> None:
    torch.manual_seed(0)
    side = 128
    phantom = make_phantom(17, width=300, height=400)
    pixels, placement = preprocess(phantom.radiograph.pixels, PreprocessConfig(side, side))
    truth = torch.tensor([box.as_list() for box in phantom.boxes]) * placement.scale_x
    assert len(truth) == 1
    image = torch.from_numpy(pixels)
    images = torch.cat([image, image.flip(3)])
    mirrored = truth[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1]) + _row(side, 0, side, 0)
    boxes = [truth, mirrored]
    detector = build_detector("fasterrcnn_mobilenet_v2_fpn", side=side)
    detector.model.roi_heads.fg_bg_sampler.batch_size_per_image = 32
    detector.model.rpn._post_nms_top_n = {"training": 100, "testing": 100}
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.02, momentum=0.9)
    for _ in range(60):
        loss = _total(detector(images, boxes))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), 5.0)
        optimizer.step()
    with torch.no_grad():
        for _ in range(15):
            detector(images, boxes)
        found = detector.eval()(images)
    for (where, scores), there in zip(found, boxes, strict=True):
        assert scores[0] > 0.3
        assert box_iou(where[:1], there) > 0.5


@pytest.mark.parametrize(
    "name",
    [
        "fasterrcnn_mobilenet_v3_large_320_fpn",
        "fcos_resnet50_fpn",
        "ssdlite320_mobilenet_v3_large",
    ],
)
def test_torchvisions_coco_weights_load_but_for_the_last_layer(name: str, tmp_path: Path) -> None:
    source = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=91)
    tensors = source.state_dict()
    save_file(tensors, tmp_path / "coco.safetensors")
    path = str(tmp_path / "coco.safetensors")
    detector = build_detector(name, pretrained=path, side=SIDE)
    new = 0
    for key, ours in detector.model.state_dict().items():
        theirs = tensors[key.replace(".layers.", ".", 1) if "backbone" in key else key]
        if ours.shape != theirs.shape and theirs.shape[1:2] == (3,):
            theirs = theirs.sum(1, keepdim=True)
        new += not (ours.shape == theirs.shape and torch.equal(ours, theirs))
    assert 0 < new <= (4 if "ssd" not in name else 42)


def test_mobilenet_v2_becomes_the_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = mobilenet_v2().eval()
    path = tmp_path / "weights.safetensors"
    save_file(source.state_dict(), path)
    detector = build_detector("fasterrcnn_mobilenet_v2_fpn", pretrained=str(path), side=SIDE)
    body = detector.model.backbone.body
    images = torch.randn(2, 1, SIDE, SIDE)
    with torch.no_grad():
        ours = body.eval()(images)
        colour = images.expand(-1, 3, -1, -1)
        for level, last in (("0", 7), ("1", 14), ("2", 19)):
            torch.testing.assert_close(
                ours[level], source.features[:last](colour), rtol=1e-3, atol=1e-5
            )
    with pytest.raises(FracturaError, match=r"fcos_resnet50_fpn: it seems .* mobilenet_v2"):
        build_detector("fcos_resnet50_fpn", pretrained=str(path), side=SIDE)


def test_a_runs_weights_give_its_detections_whatever_it_started_from(tmp_path: Path) -> None:
    torch.manual_seed(0)
    name, path = "fasterrcnn_mobilenet_v2_fpn", tmp_path / "weights.safetensors"
    images = torch.randn(2, 1, SIDE, SIDE)
    run = build_detector(name, side=SIDE)
    statistics = _statistics(run)
    run(images, [BOX, NONE])
    assert not all(map(torch.equal, statistics, _statistics(run)))
    save_file(run.state_dict(), path)
    again = build_detector(name, pretrained=str(path), side=SIDE)
    statistics = _statistics(again)
    again(images, [BOX, NONE])
    assert all(map(torch.equal, statistics, _statistics(again)))
    with torch.no_grad():
        for ours, theirs in zip(again.eval()(images), run.eval()(images), strict=True):
            assert torch.equal(ours.boxes, theirs.boxes)
            assert torch.equal(ours.scores, theirs.scores)


def test_what_is_no_detector_or_no_box_is_refused() -> None:
    with pytest.raises(FracturaError, match="resnet18 is no detector; these are: fasterrcnn"):
        build_detector("resnet18", side=SIDE)
    with pytest.raises(ValueError, match="needs boxes"):
        build_detector("ssdlite320_mobilenet_v3_large", side=SIDE)(torch.zeros(1, 1, SIDE, SIDE))


def test_the_real_backbone_loads(shared_data: Path) -> None:
    path = shared_data.parent / "weights" / "mobilenet_v2_imagenet.safetensors"
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    detector = build_detector("fasterrcnn_mobilenet_v2_fpn", pretrained=str(path), side=SIDE)
    assert _total(detector(torch.randn(1, 1, SIDE, SIDE), [BOX])).isfinite()


def _fewer_proposals(detector: torch.nn.Module) -> None:
    if hasattr(detector.model, "roi_heads"):
        detector.model.roi_heads.fg_bg_sampler.batch_size_per_image = 16
        detector.model.rpn._post_nms_top_n = {"training": 32, "testing": 32}


def _total(losses: dict[str, Tensor]) -> Tensor:
    assert all(loss.isfinite() for loss in losses.values())
    return torch.stack(list(losses.values())).sum()


def _row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float32)


def _statistics(detector: torch.nn.Module) -> list[Tensor]:
    body = detector.get_submodule("model.backbone.body")
    return [tensor.clone() for name, tensor in body.named_buffers() if "running" in name]
