"""Which images an epoch shows follows from the seed and the epoch alone."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractura.errors import FracturaError
from fractura.training.data.batch import Label
from fractura.training.data.plan import Plan, SampleDraw
from fractura.training.recipe import Data

LABELS = st.lists(
    st.builds(
        Label,
        target=st.integers(0, 2),
        fractured=st.sampled_from([0.0, 1.0]),
        copies=st.integers(1, 3),
    ),
    min_size=1,
    max_size=40,
)


def plan(
    labels: list[Label], batch: int = 4, seed: int = 0, phantoms: int = 0, **data: Any
) -> Plan:
    class Stand:
        def __len__(self) -> int:
            return len(labels) + 4 * phantoms

        def outlines(self, index: int) -> list[Any]:
            return [None] * (index % 2)

    recipe = SimpleNamespace(
        data=Data(phantoms=phantoms, **data), trainer=SimpleNamespace(batch_size=batch, seed=seed)
    )
    return Plan(labels, Stand(), recipe)  # type: ignore[arg-type]


def shown(batches: list[list[SampleDraw]]) -> list[int]:
    return [draw.sample for batch in batches for draw in batch]


@given(labels=LABELS, batch=st.integers(1, 9), seed=st.integers(0, 99), epoch=st.integers(0, 99))
def test_every_epoch_is_full_batches_of_all_copies(
    labels: list[Label], batch: int, seed: int, epoch: int
) -> None:
    made = plan(labels, batch, seed)
    batches = made.epoch(epoch)
    assert batches == plan(labels, batch, seed).epoch(epoch)
    everything = Counter({i: label.copies for i, label in enumerate(labels)})
    total = everything.total()
    assert all(len(one) == min(batch, total) for one in batches)
    assert len(shown(batches)) == (total // batch * batch or total)
    assert Counter(shown(batches)) <= everything
    assert [d.position for one in batches for d in one] == list(range(len(shown(batches))))
    left_out = everything - Counter(shown(batches))
    normals = sum(label.copies for label in labels if not label.fractured)
    if left_out.total() <= normals:
        assert all(labels[index].fractured == 0 for index in left_out)


@given(labels=LABELS, world=st.integers(1, 5))
def test_processes_share_every_batch(labels: list[Label], world: int) -> None:
    for batch in plan(labels, batch=8).epoch(3):
        parts = [batch[rank::world] for rank in range(world)]
        assert sorted(draw for part in parts for draw in part) == sorted(batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(labels=LABELS, ratio=st.floats(0.1, 3))
def test_normals_are_drawn_anew_for_each_fracture(labels: list[Label], ratio: float) -> None:
    made = plan(labels, batch=1, normals_per_fracture=ratio)
    fractures = sum(label.copies for label in labels if label.fractured)
    normals = sum(label.copies for label in labels) - fractures
    if not fractures:
        return
    counts = Counter(labels[index].fractured for index in shown(made.epoch(0)))
    assert counts[1.0] == fractures
    assert counts[0.0] == min(normals, round(fractures * ratio))


def test_in_the_long_run_every_normal_comes() -> None:
    labels = [Label(fractured=1.0)] * 5 + [Label(fractured=0.0)] * 20
    made = plan(labels, batch=1, normals_per_fracture=1.0)
    assert {index for epoch in range(60) for index in shown(made.epoch(epoch))} == set(range(25))


def test_balanced_shows_classes_equally() -> None:
    labels = [Label(target=0)] * 90 + [Label(target=1)] * 9 + [Label(target=2)]
    drawn = shown(plan(labels, batch=1, sampling="balanced").epoch(0))
    assert sorted(Counter(labels[index].target for index in drawn).values()) == [33, 33, 34]


def test_balanced_without_classes_goes_by_fractures() -> None:
    labels = [Label(fractured=1.0)] * 4 + [Label(fractured=0.0)] * 40
    drawn = shown(plan(labels, batch=1, sampling="balanced").epoch(0))
    assert Counter(labels[index].fractured for index in drawn) == {0.0: 22, 1.0: 22}


def test_phantoms_are_drawn_from_four_times_as_many() -> None:
    made = plan([Label(fractured=0.0)] * 10, batch=1, phantoms=3)
    epochs = [[index for index in shown(made.epoch(number)) if index >= 10] for number in range(40)]
    assert all(len(set(drawn)) == 3 for drawn in epochs)
    assert set(np.concatenate(epochs).tolist()) == set(range(10, 22))
    assert [label.fractured for label in made.labels[10:]] == [0, 1] * 6


def test_no_copy_is_no_radiograph() -> None:
    with pytest.raises(FracturaError, match="no radiograph to train on"):
        plan([Label(copies=0)])


def test_sources_are_drawn_by_the_root_of_their_size_and_their_classes_equally() -> None:
    home = [Label(fractured=float(index < 90), source="home") for index in range(900)]
    away = [Label(fractured=float(index < 50), source="away") for index in range(100)]
    outside = [Label(source="outside")] * 25
    labels = [*home, *away, *outside]
    drawn = shown(plan(labels, batch=1, sampling="balanced-sources").epoch(0))
    counts = Counter((labels[index].source, str(labels[index].fractured)) for index in drawn)
    share = 1025 / (30 + 10 + 5)
    assert counts == {
        ("home", "1.0"): round(15 * share),
        ("home", "0.0"): round(15 * share),
        ("away", "1.0"): round(5 * share),
        ("away", "0.0"): round(5 * share),
        ("outside", "nan"): round(5 * share),
    }
