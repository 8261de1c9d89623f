"""What goes on beside the steps."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from fractura.training.trainer import moving_average


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=60), st.floats(0, 0.999))
def test_an_average_forgets_where_it_started(values: list[float], decay: float) -> None:
    weights = nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(weights, avg_fn=moving_average(decay))
    shares: list[float] = []
    for number, value in enumerate(values):
        nn.init.constant_(weights.weight, value)
        averaged.update_parameters(weights)
        kept = min(decay, (1 + number) / (10 + number)) if number else 0.0
        shares = [share * kept for share in shares] + [1 - kept]
    expected = sum(share * value for share, value in zip(shares, values, strict=True))
    torch.testing.assert_close(
        averaged.module.weight.item(), expected, rtol=1e-3, atol=1e-3, check_dtype=False
    )


def test_of_a_hundred_steps_little_of_the_first_weights_is_left() -> None:
    """A plain average of decay 0.998 would keep four fifths of them."""
    weights = nn.Linear(1, 1, bias=False)
    averaged = AveragedModel(weights, avg_fn=moving_average(0.998))
    for step in range(100):
        nn.init.constant_(weights.weight, float(step == 0))
        averaged.update_parameters(weights)
    assert averaged.module.weight.item() < 1e-6
