"""Two-stage refinement: where it looks, what it sees there, and what it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from fractura.errors import FracturaError
from fractura.models.network import STRIDE, FractureNetwork, NetworkOutput
from fractura.models.two_stage import (
    CROP_SIDE,
    HEAT_SHARPNESS,
    IMAGE_WEIGHT,
    PROPOSALS,
    SCORE_SHARE,
    UNREFINED_PENALTY,
    TwoStageNetwork,
    averaged,
    cut_crops,
    load_base,
    mirrored,
    offsets_of,
    propose,
    refined_boxes,
    shrunk,
    spread,
)

sizes = st.floats(12, 60)
crops = st.floats(0, 400)


@given(st.lists(st.tuples(crops, crops, sizes, sizes), min_size=1, max_size=5), st.data())
def test_sides_lead_back_to_the_box(
    suspected: list[tuple[float, float, float, float]], data: st.DataObject
) -> None:
    corner_and_size = torch.tensor(suspected)
    boxes = torch.cat([corner_and_size[:, :2], corner_and_size[:, :2] + corner_and_size[:, 2:]], 1)
    factor = data.draw(st.floats(0.5, 2))
    shift = data.draw(st.floats(-20, 20))
    truths = (boxes - boxes[:, :2].repeat(1, 2)) * factor + boxes[:, :2].repeat(1, 2) + shift
    torch.testing.assert_close(
        refined_boxes(boxes, offsets_of(boxes, truths)), truths, rtol=0, atol=0.05
    )


@pytest.mark.parametrize("share", [0.4, 0.25])
def test_the_suspected_box_fills_its_share_of_the_place(share: float) -> None:
    image = torch.zeros(2, 1, 128, 160)
    image[1, 0, 40:64, 30:70] = 1
    cut, shapes = cut_crops(image, torch.tensor([1]), torch.tensor([[30.0, 40, 70, 64]]), share)
    inside = cut[0, 0] > 0.5
    columns = inside.any(0).nonzero().flatten()
    rows = inside.any(1).nonzero().flatten()
    wide = share * CROP_SIDE
    assert len(columns) == pytest.approx(wide, abs=1)
    assert len(rows) == pytest.approx(wide * 24 / 40, abs=1)
    middle = (CROP_SIDE - 1) / 2
    assert (columns[0] + columns[-1]).item() / 2 == pytest.approx(middle, abs=0.5)
    assert (rows[0] + rows[-1]).item() / 2 == pytest.approx(middle, abs=0.5)
    torch.testing.assert_close(shapes.exp(), torch.tensor([[1.0, 0.6]]))


def test_it_looks_at_the_highest_peaks() -> None:
    scores = torch.full((1, 12, 10), -6.0)
    cells = [(1, 1), (1, 5), (5, 3), (9, 8)]
    for rank, (row, column) in enumerate(cells):
        scores[0, row, column] = 3.0 - rank
        scores[0, row, column + 1] = 2.5 - rank
    logits, found = propose(scores)
    assert [divmod(int(cell), 10) for cell in found[0, :4]] == cells
    torch.testing.assert_close(logits[0, :4], torch.tensor([3.0, 2.0, 1.0, 0.0]))
    assert found.shape == (1, PROPOSALS)


def test_only_looked_at_places_count() -> None:
    torch.manual_seed(0)
    network = TwoStageNetwork(8).train()
    assert not network.base[0].training
    network.eval()
    images = torch.randn(2, 1, 96, 128)
    with torch.no_grad():
        after, before = network(images), network.run_base(images)
    changed = after.scores != before.scores - UNREFINED_PENALTY
    assert changed.flatten(1).sum(1).tolist() == [PROPOSALS, PROPOSALS]
    mixed, logits = after.scores[changed].reshape(2, -1), before.scores[changed].reshape(2, -1)
    seen = logits + (mixed - logits) / SCORE_SHARE
    torch.testing.assert_close(
        after.image, before.image + IMAGE_WEIGHT * seen.amax(1), rtol=1e-3, atol=1e-4
    )
    torch.testing.assert_close(after.evidence, HEAT_SHARPNESS * before.scores)
    for name in ("regions", "embedding"):
        assert torch.equal(getattr(after, name), getattr(before, name))
    assert ((after.boxes != before.boxes).any(-1) <= changed).all()
    one = network(images[1:])
    torch.testing.assert_close(one.scores[0], after.scores[1], rtol=1e-4, atol=1e-4)


def test_each_magnifier_sees_its_own_share_and_their_answers_are_averaged() -> None:
    torch.manual_seed(4)
    network = TwoStageNetwork(8, crop_fill=(0.4, 0.2)).eval()
    images, number = torch.randn(2, 1, 96, 128), torch.tensor([0, 1, 1])
    boxes = torch.tensor([[30.0, 40, 70, 64], [5, 5, 30, 20], [90, 60, 120, 90]])
    with torch.no_grad():
        logits, sides = network.refine(images, number, boxes)
        near, around = (
            refiner(*cut_crops(images, number, boxes, share))
            for refiner, share in zip(network.refiners, (0.4, 0.2), strict=True)
        )
    torch.testing.assert_close(logits, (near[0] + around[0]) / 2)
    torch.testing.assert_close(sides, (near[1] + around[1]) / 2)
    assert (near[0] != around[0]).all()


def test_an_image_and_its_mirror_image_are_seen_alike() -> None:
    torch.manual_seed(1)
    network = TwoStageNetwork(8).eval()
    images = torch.randn(2, 1, 64, 96)
    with torch.no_grad():
        one, other = network.run_base(images), mirrored(network.run_base(images.flip(-1)), 96)
    torch.testing.assert_close(one.scores, other.scores)
    torch.testing.assert_close(one.image, other.image)
    torch.testing.assert_close(one.regions, other.regions)
    torch.testing.assert_close(one.boxes, other.boxes, rtol=1e-4, atol=1e-3)


def test_first_networks_take_turns_with_the_mirror_image() -> None:
    torch.manual_seed(2)
    network = TwoStageNetwork(8, members=2, mirror_tta=False).eval()
    images = torch.randn(1, 1, 64, 96)
    with torch.no_grad():
        one = network.base[0](images)
        other = mirrored(network.base[1](images.flip(-1)), 96)
        both = network.run_base(images)
    torch.testing.assert_close(both.image, (one.image + other.image) / 2)
    torch.testing.assert_close(both.scores, (one.scores + other.scores) / 2)
    assert torch.equal(both.embedding, torch.cat([one.embedding, other.embedding], 1))
    shares = torch.stack([one.scores, other.scores]).sigmoid()[..., None]
    boxes = (torch.stack([one.boxes, other.boxes]) * shares).sum(0) / shares.sum(0)
    torch.testing.assert_close(both.boxes, boxes)
    three = averaged([one, one, one])
    torch.testing.assert_close(three.boxes, one.boxes)
    torch.testing.assert_close(three.scores, one.scores)


@given(st.integers(1, 20), st.integers(1, 20), st.floats(1 / 16, 1))
def test_shrunk_images_fit_the_network(rows: int, columns: int, size: float) -> None:
    images = torch.ones(1, 1, 32 * rows, 32 * columns)
    small = shrunk(images, size)
    assert (small == 1).all()
    for side, of in zip(small.shape[2:], images.shape[2:], strict=True):
        assert side % 32 == 0
        assert side <= of
        assert size * of - of / 32 <= side < size * of + 32 + of / 32


def test_what_is_said_of_a_shrunk_image_holds_for_the_whole_one() -> None:
    images = torch.zeros(1, 1, 128, 256)
    small = shrunk(images, 0.5)
    assert small.shape == (1, 1, 64, 128)

    def around_each_cell(picture: torch.Tensor, half: float) -> torch.Tensor:
        across, down = (
            (torch.arange(picture.shape[axis] // STRIDE) + 0.5) * STRIDE for axis in (3, 2)
        )
        y, x = torch.meshgrid(down, across, indexing="ij")
        return torch.stack([x - half, y - 2 * half, x + half, y + 2 * half], -1)[None]

    scores = torch.zeros(1, 8, 16)
    scores[0, 3, 11] = 8
    said = NetworkOutput(scores, around_each_cell(small, 10), *(torch.rand(1, 4) for _ in range(5)))
    told = spread(said, small, images)
    inside = (slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(told.boxes[inside], around_each_cell(images, 20)[inside])
    assert told.scores.shape == (1, 16, 32)
    assert (told.scores[0, 6:8, 22:24] == told.scores.max()).all()
    assert torch.equal(told.image, said.image)
    assert spread(said, small, small) is said


@pytest.mark.parametrize("mirror_tta", [True, False])
def test_the_embedding_alone_is_that_of_the_output(mirror_tta: bool) -> None:
    torch.manual_seed(4)
    network = TwoStageNetwork(8, members=3, mirror_tta=mirror_tta, base_scales=(1, 0.5, 1)).eval()
    images = torch.randn(2, 1, 64, 96)
    with torch.no_grad():
        embedding = network.embed(images)
        assert embedding.shape == (2, 960)
        torch.testing.assert_close(embedding, network(images).embedding, rtol=0, atol=0)


def test_each_base_network_sees_its_own_size_and_those_that_see_it_whole_place() -> None:
    torch.manual_seed(3)
    network = TwoStageNetwork(8, members=2, mirror_tta=False, base_scales=(1, 0.5)).eval()
    images = torch.randn(1, 1, 128, 192)
    with torch.no_grad():
        one, small = network.base[0](images), shrunk(images, 0.5)
        other = mirrored(network.base[1](small.flip(-1)), 96)
        both = network.run_base(images)
    wanted = averaged([one, spread(other, small, images)])
    wanted = wanted._replace(
        scores=one.scores,
        boxes=one.boxes,
        embedding=torch.cat([one.embedding, other.embedding], 1),
    )
    for got, want in zip(both, wanted, strict=True):
        torch.testing.assert_close(got, want)


def test_it_stands_on_multi_task_runs(tmp_path: Path) -> None:
    sources = [FractureNetwork(8).eval() for _ in range(2)]
    paths = [str(tmp_path / f"{number}.safetensors") for number in range(2)]
    for source, path in zip(sources, paths, strict=True):
        save_file(source.state_dict(), path)
    network = TwoStageNetwork(8, members=2, crop_fill=(0.4, 0.3))
    load_base(network, paths)
    image = torch.randn(1, 1, 64, 64)
    network.eval()
    for member, source in zip(network.base, sources, strict=True):
        assert torch.equal(member(image).scores, source(image).scores)
    for refiner in network.refiners:
        assert torch.equal(refiner.early(image), sources[0].early(image))
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(FracturaError, match="does not fit a base network"):
        load_base(network, [paths[0], str(tmp_path / "other.safetensors")])
