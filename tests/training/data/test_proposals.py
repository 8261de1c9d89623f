"""Training crops: cut out as in a reading, marked where the fracture is, the same for everyone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fractura.errors import FracturaError
from fractura.evaluation.detection import intersection_over_union
from fractura.imaging.preprocess import PreprocessConfig, preprocess
from fractura.models.two_stage import CROP_SIDE, cut_crops
from fractura.training.data import proposals as module
from fractura.training.data.batch import Label
from fractura.training.data.plan import Plan
from fractura.training.data.preview import NOTHING
from fractura.training.data.proposals import (
    ELSEWHERE,
    MARKED,
    MISSES,
    ProposalCrops,
    ProposalDraw,
    crop_loader,
)
from fractura.training.data.store import open_store
from fractura.training.recipe import Augmentation

SHARES = (0.4, 0.25)
TURNS = NOTHING.model_copy(
    update={"rotation": 180, "horizontal_flip": 0.5, "vertical_flip": 0.5, "quarter_turn": 0.5}
)


@pytest.fixture
def make(records, make_recipe, tmp_path):
    """The crops of epoch 1; proposals are the marks, and three boxes in corners."""

    def build(
        augmentation: Augmentation, labels: list[Label] | None = None, **data
    ) -> ProposalCrops:
        recipe = make_recipe(batch=len(records), augmentation=augmentation, **data)
        store = open_store(records, recipe.data, tmp_path, 1)
        known = [Label(fractured=float(record.fractured)) for record in store.records]
        proposals = []
        for index in range(len(store)):
            height, width = store.image(index).shape
            corners = [(0, 0), (width - 6, 0), (0, height - 9)]
            boxes = [(x, y, x + 6, y + 9) for x, y in corners]
            marks = [[*line.min(0), *line.max(0)] for line in store.outlines(index)]
            proposals.append(np.array([*marks, *boxes], np.float32))
        return ProposalCrops(store, Plan(labels or known, store, recipe), proposals, 1, recipe)

    return build


def test_unchanged_places_are_what_a_reading_cuts_out(make, monkeypatch) -> None:
    monkeypatch.setattr(module, "displaced", lambda box, marked, random: box)
    shown = make(NOTHING, preprocess=PreprocessConfig(long_side=256, multiple=32))
    for position, drawn in enumerate(shown.drawn):
        item, image = shown[position], shown.store.image(drawn.sample)
        inputs, _ = preprocess(
            image.astype(np.float32) / np.float32(255), shown.recipe.data.preprocess
        )
        box = shown.proposals[drawn.sample][drawn.number]
        for pixels, share in zip(item.image, SHARES, strict=True):
            ours, shape = cut_crops(
                torch.from_numpy(inputs), torch.zeros(1), torch.tensor(box)[None], share
            )
            torch.testing.assert_close(item.shape, shape[0], rtol=0, atol=1e-4)
            apart = (pixels - ours[0, 0]).abs()
            assert apart.median() < 0.01
            assert apart.quantile(0.9) < 0.2
            assert apart.mean() < (0.05 if drawn.marked else 0.15)


def test_the_truth_is_where_the_fracture_went(make, monkeypatch) -> None:
    shown = make(TURNS, preprocess=PreprocessConfig(long_side=256, multiple=32))
    alone = [sample for sample in range(6) if len(shown.store.outlines(sample)) == 1]
    marked = [crop for crop, one in enumerate(shown.drawn) if one.marked and one.sample in alone]
    assert len(marked) >= MARKED
    image = shown.store.image

    def painted(sample: int) -> np.ndarray:
        canvas = np.zeros_like(image(sample))
        (line,) = shown.store.outlines(sample)
        (left, top), (right, bottom) = np.rint([line.min(0), line.max(0)]).astype(int)
        canvas[top:bottom, left:right] = 255
        return canvas

    monkeypatch.setattr(shown.store, "image", painted)
    for position in marked:
        item = shown[position]
        assert item.overlap > 0
        for pixels, share in zip(item.image, SHARES, strict=True):
            bright = pixels > 1
            rows, columns = bright.any(1).nonzero().flatten(), bright.any(0).nonzero().flatten()
            found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
            inside = (share * (item.truth - CROP_SIDE / 2) + CROP_SIDE / 2).clamp(0, CROP_SIDE)
            torch.testing.assert_close(torch.tensor(found).float(), inside, rtol=0, atol=3.0)


def test_an_epoch_shows_marks_hits_and_misses(make) -> None:
    shown = make(NOTHING)
    for sample, record in enumerate(shown.store.records):
        drawn = [draw for draw in shown.drawn if draw.sample == sample]
        if not record.fractured:
            assert sorted(draw.number for draw in drawn) in ([0, 1], [0, 2], [1, 2])
            assert len(drawn) == MISSES
            continue
        marks = len(record.fractures)
        assert sum(draw.marked for draw in drawn) == MARKED * marks
        assert drawn.count(ProposalDraw(sample, False, 0)) == 1
        misses = [draw for draw in drawn if not draw.marked and draw.number >= marks]
        assert len(misses) <= ELSEWHERE
        assert len({draw.number for draw in misses}) == len(misses)
    assert len(shown) == len(shown.drawn)


def test_what_may_show_unmarked_fractures_teaches_nothing(make, records) -> None:
    labels = [Label(fractured=1.0 if record.fractured else np.nan) for record in records]
    assert {draw.sample for draw in make(NOTHING, labels).drawn} == {
        sample for sample, record in enumerate(records) if record.fractured
    }


def test_workers_and_processes_see_the_same_places(make) -> None:
    shown = make(TURNS.model_copy(update={"noise": 1.0}))
    (alone, *_), (helped, *_) = (list(crop_loader(shown, 8, workers)) for workers in (0, 1))
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one, other)
    (left, *_), (right, *_) = (list(crop_loader(shown, 8, 0, rank, 2)) for rank in (0, 1))
    assert torch.equal(alone.images[0::2], left.images)
    assert torch.equal(alone.images[1::2], right.images)
    assert all(len(batch.images) == 8 for batch in crop_loader(shown, 8, 0))
    with pytest.raises(FracturaError, match="cannot be shared by 9 processes"):
        crop_loader(shown, 8, 0, 0, 9)


def test_a_displaced_mark_still_overlaps_it() -> None:
    random = np.random.default_rng(0)
    box = np.array([20.0, 30, 60, 50])
    far = np.array([module.displaced(box, True, random) for _ in range(500)])
    near = np.array([module.displaced(box, False, random) for _ in range(500)])
    assert 0.35 < intersection_over_union(far, box[None]).mean() < 0.65
    assert intersection_over_union(near, box[None]).mean() > 0.75
