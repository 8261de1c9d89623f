"""The training signal points where it should."""

from __future__ import annotations

import torch

from fractura.models.network import NetworkOutput
from fractura.training.loss import Targets, dense_targets, focal, multi_task_loss


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
    torch.manual_seed(0)
    truth = torch.tensor([[16.0, 16, 48, 40]])
    targets = Targets(
        [truth, torch.zeros(0, 4)], torch.tensor([1.0, 0.0]), torch.eye(4)[:2], torch.ones(2)
    )
    scores = torch.zeros(2, 8, 8, requires_grad=True)
    boxes = torch.tensor([10.0, 10, 60, 60]).repeat(2, 8, 8, 1).requires_grad_()
    image = torch.zeros(2, requires_grad=True)
    regions = torch.zeros(2, 4, requires_grad=True)
    output = NetworkOutput(scores, boxes, image, regions, torch.zeros(2, 4, 4), torch.zeros(2, 320))
    optimizer = torch.optim.Adam([scores, image, regions], lr=0.1)
    optimizer.add_param_group({"params": [boxes], "lr": 1.0})
    first = float(sum(multi_task_loss(output, targets).values()))
    for _ in range(150):
        optimizer.zero_grad()
        torch.stack(list(multi_task_loss(output, targets).values())).sum().backward()
        optimizer.step()
    assert float(sum(multi_task_loss(output, targets).values())) < 0.2 * first
    assert int(scores[0].flatten().argmax()) == 3 * 8 + 4
    torch.testing.assert_close(boxes[0, 3, 4], truth[0], atol=2.0, rtol=0)
    assert image[0] > 2 > -2 > image[1]


def test_unknown_regions_teach_nothing() -> None:
    output = NetworkOutput(
        torch.zeros(1, 4, 4), torch.zeros(1, 4, 4, 4), torch.zeros(1), torch.zeros(1, 4),
        torch.zeros(1, 2, 2), torch.zeros(1, 320),
    )  # fmt: skip
    targets = Targets([torch.zeros(0, 4)], torch.zeros(1), torch.zeros(1, 4), torch.ones(1))
    assert "region" not in multi_task_loss(output, targets)


def test_an_image_without_weight_teaches_nothing() -> None:
    torch.manual_seed(0)
    leaves = [torch.randn(2, 8, 8), torch.rand(2, 8, 8, 4) * 64, torch.randn(2), torch.randn(2, 4)]
    for leaf in leaves:
        leaf.requires_grad_()
    boxes = [torch.tensor([[16.0, 16, 48, 40]]), torch.tensor([[8.0, 8, 24, 24]])]
    targets = Targets(boxes, torch.ones(2), torch.eye(4)[:2], torch.tensor([1.0, 0.0]))
    output = NetworkOutput(*leaves, torch.zeros(2, 4, 4), torch.zeros(2, 320))
    torch.stack(list(multi_task_loss(output, targets).values())).sum().backward()
    for leaf in leaves:
        assert leaf.grad is not None
        assert leaf.grad[0].abs().sum() > 0
        assert leaf.grad[1].abs().sum() == 0
