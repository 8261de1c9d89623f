"""The same batches whoever makes them, with the right labels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fractura.errors import FracturaError
from fractura.imaging.load import load
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.regions import CLASSES
from fractura.training.data.batch import Batch, Label, possible_regions
from fractura.training.data.loader import evaluation_loader, load_evaluation_images, training_loader
from fractura.training.data.plan import Plan
from fractura.training.data.preview import GAP, NOTHING, VARIANTS, preview
from fractura.training.data.store import open_store
from fractura.training.recipe import Augmentation

STRONG = Augmentation(noise=1, paste=0.5, mosaic=0.3, random_erasing=0.5, quarter_turn=0.3)


@pytest.fixture
def make(records, tmp_path):
    """Store, plan and recipe."""

    def build(recipe, labels=None):
        store = open_store(records, recipe.data, tmp_path, 1)
        known = [
            Label(int(bool(r.fractured)), float(r.fractured), r.regions) for r in store.records
        ]
        return store, Plan(labels or known, store, recipe), recipe

    return build


def all_of(loader) -> list[Batch]:
    return list(loader)


def same(first: Batch, second: Batch) -> bool:
    pairs = zip(
        (first.images, *first.boxes, *first[2:]),
        (second.images, *second.boxes, *second[2:]),
        strict=True,
    )
    return all(
        torch.allclose(one.float(), other.float(), 0, 0, equal_nan=True) for one, other in pairs
    )


def test_workers_change_nothing_and_the_global_state_stays(make, make_recipe) -> None:
    store, plan, recipe = make(make_recipe(batch=3, augmentation=STRONG, phantoms=2))
    state = torch.random.get_rng_state()
    alone = all_of(training_loader(store, plan, 2, recipe, workers=0))
    helped = all_of(training_loader(store, plan, 2, recipe, workers=2))
    assert len(alone) == len(helped) == 2
    assert all(same(one, other) for one, other in zip(alone, helped, strict=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    other = all_of(training_loader(store, plan, 3, recipe, workers=0))
    assert not torch.equal(other[0].images, alone[0].images)


def test_processes_together_see_what_one_sees(make, make_recipe) -> None:
    store, plan, recipe = make(make_recipe(batch=5, augmentation=STRONG))
    (whole,) = all_of(training_loader(store, plan, 0, recipe, 0))
    parts = [all_of(training_loader(store, plan, 0, recipe, 0, rank, 2))[0] for rank in (0, 1)]
    for rank, part in enumerate(parts):
        assert torch.equal(part.images, whole.images[rank::2])
        assert torch.equal(part.fractured, whole.fractured[rank::2])
    with pytest.raises(FracturaError, match="a batch of 5 cannot be shared by 6 processes"):
        training_loader(store, plan, 0, recipe, 0, 0, 6)


def test_a_batch_has_what_the_interface_says(make, make_recipe) -> None:
    store, plan, recipe = make(make_recipe(batch=6, augmentation=NOTHING))
    (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
    assert batch.images.shape == (6, 1, 64, 64)
    assert batch.images.dtype == batch.fractured.dtype == batch.weight.dtype == torch.float32
    assert batch.target.dtype == torch.int64
    order = [draw.sample for draw in plan.epoch(0)[0]]
    for row, index in enumerate(order):
        expected, _ = preprocess(
            store.image(index).astype("f4") / np.float32(255), recipe.data.preprocess
        )
        np.testing.assert_array_equal(batch.images[row], expected[0])
        assert batch.fractured[row] == batch.target[row] == index % 2
        assert len(batch.boxes[row]) == len(store.outlines(index))
        assert batch.regions[row].sum() == 1


def test_a_fracture_that_left_the_frame_is_none(make, make_recipe) -> None:
    away = NOTHING.model_copy(update={"scale": (40, 40)})
    for task, target in (("binary-fracture", 0), ("multi-task", 1), ("region", 1)):
        store, plan, recipe = make(make_recipe(task, batch=6, augmentation=away))
        (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
        odd = [row for row, draw in enumerate(plan.epoch(0)[0]) if draw.sample % 2]
        hidden = [row for row in odd if not len(batch.boxes[row])]
        assert hidden
        for row in hidden:
            assert batch.fractured[row] == float(task == "region")
            assert batch.target[row] == target


def test_a_pasted_fracture_makes_a_normal_image_fractured(make, make_recipe) -> None:
    settings = NOTHING.model_copy(update={"paste": 1})
    store, plan, recipe = make(make_recipe(batch=6, augmentation=settings))
    (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
    assert batch.fractured.tolist() == [float(len(boxes) > 0) for boxes in batch.boxes]
    assert batch.fractured.sum() > 3
    store, plan, recipe = make(make_recipe("binary-fracture", batch=6, augmentation=settings))
    (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
    assert batch.fractured.sum() == 3


def test_an_unmarked_fracture_stays_one_when_a_pasted_one_leaves_the_frame(
    make, make_recipe
) -> None:
    settings = NOTHING.model_copy(update={"paste": 1, "scale": (40, 40)})
    recipe = make_recipe(batch=6, augmentation=settings)
    store, plan, _ = make(recipe, [Label(fractured=1.0)] * 6)
    (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
    for draw, boxes, fractured in zip(
        plan.epoch(0)[0], batch.boxes, batch.fractured.tolist(), strict=True
    ):
        assert fractured == float(len(boxes) > 0 or not store.outlines(draw.sample))


def test_a_mosaic_of_unknown_images_is_unknown(make, make_recipe) -> None:
    recipe = make_recipe(batch=6, augmentation=NOTHING.model_copy(update={"mosaic": 1}))
    store, plan, _ = make(recipe, [Label(fractured=math.nan, weight=2.0)] * 6)
    (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
    for boxes, fractured in zip(batch.boxes, batch.fractured.tolist(), strict=True):
        assert fractured == 1 if len(boxes) else math.isnan(fractured)
    assert batch.weight.tolist() == [2.0] * 6


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        (("knee",), {"knee"}),
        (("lower limb",), {"thigh", "knee", "lower leg", "ankle", "foot"}),
        (("chest",), {"outside"}),
        (("leg",), set()),
    ],
)
def test_which_regions_a_word_leaves_possible(words, classes) -> None:
    possible = possible_regions(words)
    assert {name for name, one in zip(CLASSES, possible.tolist(), strict=True) if one} == classes


def test_a_fracture_without_a_box_is_not_background(make, make_recipe) -> None:
    recipe = make_recipe(batch=6)
    store, plan, _ = make(recipe, [Label(fractured=1.0), *[Label(fractured=0.0)] * 5])
    (batch,) = all_of(training_loader(store, plan, 0, recipe, 0))
    for draw, located in zip(plan.epoch(0)[0], batch.located.tolist(), strict=True):
        unmarked = plan.labels[draw.sample].fractured == 1 and not store.outlines(draw.sample)
        assert located != unmarked


@pytest.mark.parametrize("workers", [0, 2])
def test_wholes_are_what_inference_reads_each_once(records, workers) -> None:
    parameters = PreprocessConfig(long_side=64, multiple=32)
    parts = [
        [
            whole
            for wholes in evaluation_loader(records, parameters, workers, rank, 2, 2)
            for whole in wholes
        ]
        for rank in (0, 1)
    ]
    wholes = sorted(parts[0] + parts[1], key=lambda whole: whole.index)
    assert [whole.index for whole in wholes] == list(range(len(records)))
    for whole, record in zip(wholes, records, strict=True):
        expected, placement = preprocess(load(record.path).pixels, parameters)
        np.testing.assert_array_equal(whole.image, expected)
        assert whole.scale == (placement.scale_x, placement.scale_y)
        for box, mark in zip(placement.to_source(whole.boxes), record.fractures, strict=True):
            np.testing.assert_allclose(box, mark.box.as_list(), rtol=1e-5)
    assert len(load_evaluation_images(records[:2], parameters)) == 2


@pytest.mark.parametrize("workers", [0, 1])
def test_a_whole_that_cannot_be_read_is_one_sentence(records, tmp_path, workers) -> None:
    gone = replace(records[1], path=tmp_path / "gone.png")
    loader = evaluation_loader([records[0], gone], PreprocessConfig(64, 64), workers)
    with pytest.raises(FracturaError, match=r"^\S+gone.png: cannot be opened \(.*manifest$"):
        list(loader)


def test_the_preview_is_a_grid(make, make_recipe) -> None:
    store, plan, recipe = make(make_recipe(augmentation=STRONG))
    picture = preview(store, plan, recipe, [5, 0, 3])
    assert picture.shape == (3 * (64 + GAP), (1 + VARIANTS) * (64 + GAP), 3)
    assert picture.dtype == np.uint8
    assert (picture[..., 0] > picture[..., 2].astype(int) + 100).any()
    np.testing.assert_array_equal(picture, preview(store, plan, recipe, [5, 0, 3]))
