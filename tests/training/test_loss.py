"""The training signal points where it should."""

from __future__ import annotations

import torch

from fractura.models.network import NetworkOutput
from fractura.training.loss import Targets, any_of, dense_targets, focal, multi_task_loss

REGIONS = 4
TRUTH = torch.tensor([[16.0, 16, 48, 40]])


def targets_of(boxes: list[torch.Tensor], **changed: torch.Tensor) -> Targets:
    count = len(boxes)
    known: dict[str, torch.Tensor] = {
        "fractured": torch.tensor([float(len(item) > 0) for item in boxes]),
        "regions": torch.eye(REGIONS)[torch.arange(count) % REGIONS].bool(),
        "growth_plates": torch.arange(count) % 2.0,
        "weight": torch.ones(count),
        "located": torch.ones(count, dtype=torch.bool),
    }
    return Targets(boxes, **{**known, **changed})


def random_output() -> tuple[NetworkOutput, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    leaves = {
        "scores": torch.randn(2, 8, 8),
        "boxes": torch.rand(2, 8, 8, 4) * 64,
        "image": torch.randn(2),
        "regions": torch.randn(2, REGIONS),
        "growth_plates": torch.randn(2),
    }
    for leaf in leaves.values():
        leaf.requires_grad_()
    return NetworkOutput(**leaves, evidence=torch.zeros(2, 4, 4), embedding=torch.zeros(2, 320)), (
        leaves
    )


def learnt(targets: Targets) -> dict[str, list[bool]]:
    """Which outputs of which image get a gradient."""
    output, leaves = random_output()
    torch.stack(list(multi_task_loss(output, targets).values())).sum().backward()
    return {
        name: [leaf.grad is not None and bool(leaf.grad[row].abs().sum() > 0) for row in (0, 1)]
        for name, leaf in leaves.items()
    }


def test_centre_cell_of_a_box_is_one_and_carries_its_box() -> None:
    boxes = torch.tensor([[16.0, 24, 40, 56], [18, 36, 26, 44]])
    heat, weight, assigned = dense_targets(boxes, 10, 8)
    assert heat[5, 3] == 1
    assert heat[5, 2] == 1
    torch.testing.assert_close(assigned[5, 2], boxes[1])
    assert heat.max() == 1
    assert heat[0, 7] == 0
    assert weight[0, 7] == 0
    assert weight.sum() > 0


def test_no_box_gives_an_empty_map() -> None:
    heat, weight, _ = dense_targets(torch.zeros(0, 4), 4, 4)
    assert heat.sum() == 0
    assert weight.sum() == 0


def test_focal_loss_of_worked_cases() -> None:
    heat = torch.tensor([[[1.0]], [[0.0]], [[0.5]]])
    expected = torch.tensor([1, 1, 0.5**4]) * 0.25 * 0.693147
    torch.testing.assert_close(focal(torch.zeros(3, 1, 1), heat), expected)


def test_descending_the_objective_finds_the_labels() -> None:
    targets = targets_of([TRUTH, torch.zeros(0, 4)])
    scores = torch.zeros(2, 8, 8, requires_grad=True)
    boxes = torch.tensor([10.0, 10, 60, 60]).repeat(2, 8, 8, 1).requires_grad_()
    image, growth = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    regions = torch.zeros(2, REGIONS, requires_grad=True)
    output = NetworkOutput(
        scores, boxes, image, regions, growth, torch.zeros(2, 4, 4), torch.zeros(2, 320)
    )
    optimizer = torch.optim.Adam([scores, image, regions, growth], lr=0.1)
    optimizer.add_param_group({"params": [boxes], "lr": 1.0})
    first = float(sum(multi_task_loss(output, targets).values()))
    for _ in range(150):
        optimizer.zero_grad()
        torch.stack(list(multi_task_loss(output, targets).values())).sum().backward()
        optimizer.step()
    assert float(sum(multi_task_loss(output, targets).values())) < 0.2 * first
    assert int(scores[0].flatten().argmax()) == 3 * 8 + 4
    torch.testing.assert_close(boxes[0, 3, 4], TRUTH[0], atol=2.0, rtol=0)
    assert image[0] > 2 > -2 > image[1]
    assert growth[0] < -2 < 2 < growth[1]
    assert regions.argmax(1).tolist() == [0, 1]


def test_what_is_unknown_teaches_nothing() -> None:
    known = learnt(targets_of([TRUTH, TRUTH]))
    assert all(all(rows) for rows in known.values())
    second = torch.tensor([True, False])
    nan = torch.tensor([1.0, float("nan")])
    no_region = torch.stack([torch.eye(REGIONS)[0].bool(), torch.zeros(REGIONS).bool()])
    for changed, silent in (
        ({"located": second}, {"scores", "boxes"}),
        ({"fractured": nan}, {"image"}),
        ({"growth_plates": nan}, {"growth_plates"}),
        ({"regions": no_region}, {"regions"}),
        ({"weight": second.float()}, set(known)),
    ):
        assert learnt(targets_of([TRUTH, TRUTH], **changed)) == {
            name: [True, name not in silent] for name in known
        }


def test_any_of_several_regions_may_be_right() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0]])
    shares = logits.softmax(1)[0]
    for possible in ([0], [0, 2], [0, 1, 2, 3]):
        mask = torch.zeros(1, REGIONS).bool()
        mask[0, possible] = True
        torch.testing.assert_close(any_of(logits, mask)[0], -shares[possible].sum().log())
