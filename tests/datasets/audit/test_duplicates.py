"""Near-duplicates are found whatever was done to a picture, and different pictures are not."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fractura.datasets.audit.duplicates import DuplicatePair, find_duplicates, groups_of
from fractura.datasets.audit.keypoints import VARIANTS, changed_picture, find_features
from fractura.datasets.audit.neighbours import index_of
from fractura.datasets.audit.pictures import PICTURE_SIDE, Picture, shrink
from fractura.datasets.audit.registration import register
from fractura.datasets.audit.verify import SAME_EXPOSURE, similarity
from fractura.imaging.phantom import make_phantom

Pixels = NDArray[np.float32]

SAME_PLACE = np.eye(2, 3)


@cache
def phantom(seed: int) -> Pixels:
    return make_phantom(seed, width=300, height=360).radiograph.pixels


def turned(pixels: Pixels, degrees: float) -> Pixels:
    height, width = pixels.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(pixels, matrix, (width, height)), dtype=np.float32)


def jpeg(pixels: Pixels) -> Pixels:
    _, data = cv2.imencode(".jpg", np.rint(pixels * 255), [cv2.IMWRITE_JPEG_QUALITY, 70])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.float32) / 255


def cropped(pixels: Pixels, share: float) -> Pixels:
    height, width = (round(side * share) for side in pixels.shape)
    return pixels[20 : 20 + height, 30 : 30 + width]


CHANGES: dict[str, tuple[Callable[[Pixels], Pixels], bool, bool, float, float]] = {
    "turned 15": (lambda p: turned(p, 15), False, False, 15, 1),
    "turned -40": (lambda p: turned(p, -40), False, False, -40, 1),
    "quarter": (lambda p: np.rot90(p).copy(), False, False, 90, 1),
    "mirrored": (lambda p: p[:, ::-1].copy(), True, False, 0, 1),
    "upside down": (lambda p: p[::-1].copy(), True, False, 180, 1),
    "cropped": (lambda p: cropped(p, 0.75), False, False, 0, 1 / 0.75),
    "dark": (lambda p: p**2, False, False, 0, 1),
    "bright": (lambda p: p**0.5, False, False, 0, 1),
    "inverted": (lambda p: 1 - p, False, True, 0, 1),
    "jpeg": (jpeg, False, False, 0, 1),
    "halved": (lambda p: cv2.resize(p, None, fx=0.5, fy=0.5), False, False, 0, 1),
    "stretched": (lambda p: cv2.resize(p, (300, 300)), False, False, 0, (360 / 300) ** 0.5),
    "all": (lambda p: jpeg(1 - turned(p[:, ::-1], 10) ** 1.5), True, True, 10, 1),
}


def laid(point: tuple[float, float], pair: DuplicatePair, copy: Pixels) -> tuple[float, float]:
    """Where a point of an original lies in its copy, as the pair tells."""
    shares = [(point[0] + 0.5) / 300, (point[1] + 0.5) / 360, 1]
    x, y = np.array(pair.onto) @ shares * copy.shape[::-1] - 0.5
    return x, y


def moved(point: tuple[int, int], change: Callable[[Pixels], Pixels]) -> tuple[float, float]:
    """Where a dot at that point is afterwards."""
    dot = np.zeros((360, 300), np.float32)
    empty = change(dot.copy())
    cv2.circle(dot, point, 3, 1.0, -1)
    weight = np.abs(change(dot) - empty)
    y, x = np.indices(weight.shape)
    return float((x * weight).sum() / weight.sum()), float((y * weight).sum() / weight.sum())


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_picture_is_found_and_its_change_told_and_no_other_picture(name: str) -> None:
    change, mirrored, inverted, rotation, scale = CHANGES[name]
    originals = [phantom(seed) for seed in range(4)]
    copies = [np.asarray(change(original), dtype=np.float32) for original in originals[:2]]
    pairs = find_duplicates([shrink(pixels) for pixels in [*originals, *copies]])
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 4), (1, 5)]
    for pair in pairs:
        assert (pair.mirrored, pair.inverted) == (mirrored, inverted)
        assert abs((pair.rotation - rotation + 180) % 360 - 180) < 2
        assert pair.scale == pytest.approx(scale, rel=0.1)
        assert SAME_EXPOSURE <= pair.similarity <= 1
        assert math.dist(laid((160, 190), pair, copies[0]), moved((160, 190), change)) < 2


def test_the_order_of_pictures_changes_nothing() -> None:
    pictures = [shrink(phantom(seed)) for seed in range(6)]
    pictures += [shrink(turned(phantom(seed), 12)) for seed in range(3)]
    pairs = find_duplicates(pictures)
    assert pairs == find_duplicates(pictures)
    order = np.random.default_rng(0).permutation(len(pictures))
    shuffled = find_duplicates([pictures[position] for position in order])
    assert {frozenset((p.first, p.second)) for p in pairs} == {
        frozenset((int(order[p.first]), int(order[p.second]))) for p in shuffled
    }
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 6), (1, 7), (2, 8)]


def test_equal_pictures_are_paired_with_the_first() -> None:
    picture = shrink(phantom(0))
    pairs = find_duplicates([picture, None, picture.copy(), picture.copy()])
    assert pairs == [
        DuplicatePair(0, 2, 1.0, False, False, 0.0, 1.0),
        DuplicatePair(0, 3, 1.0, False, False, 0.0, 1.0),
    ]
    assert groups_of(pairs, 4) == [[0, 2, 3]]


def test_pictures_without_content_match_nothing() -> None:
    black, grey = np.zeros((2, 150, 192), np.uint8)
    grey += 127
    noise = np.random.default_rng(0).integers(0, 2, (2, 150, 192)).astype(np.uint8)
    thin, tiny = np.arange(192, dtype=np.uint8)[None], np.array([[0, 255]], np.uint8)
    pictures: list[Picture | None] = [black, black, grey, *noise, thin, thin.T.copy(), tiny, None]
    assert find_duplicates(pictures, candidates=[(0, 1), (3, 4), (5, 6), (7, 8), (2, 2)]) == []
    assert find_duplicates([]) == []
    assert find_duplicates([None]) == []
    assert groups_of([], 3) == []


def test_a_shared_frame_is_not_a_shared_picture() -> None:
    """Two limbs before one and the same plate edge and label."""
    pictures = []
    for seed in (0, 3):
        pixels = np.asarray(phantom(seed) * 255, dtype=np.uint8)
        pixels[-20:] = 255
        pixels[-24:-20, ::7] = 128
        cv2.putText(pixels, "L 12", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1, (255,), 2)
        pictures.append(shrink(pixels.astype(np.float32)))
    assert find_duplicates(pictures, candidates=[(0, 1)]) == []


def test_further_candidates_are_compared() -> None:
    pictures = [shrink(phantom(seed)) for seed in range(3)]
    pictures.append(shrink(cropped(turned(phantom(0), 30), 0.6)))
    pairs = find_duplicates(pictures, candidates=[(3, 0), (1, 2), (0, 3)])
    assert [(pair.first, pair.second) for pair in pairs] == [(0, 3)]


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_of_a_changed_picture_are_foreseen(variant: int) -> None:
    picture = shrink(phantom(1))
    foreseen = find_features(picture).changed(variant)
    seen = find_features(changed_picture(picture, variant))
    transform = register(foreseen, seen)
    assert transform is not None
    np.testing.assert_allclose(transform, SAME_PLACE, atol=0.3)


@given(st.floats(0.5, 2), st.floats(0.2, 1.0))
def test_gamma_and_contrast_hardly_change_the_similarity(gamma: float, factor: float) -> None:
    pixels = phantom(2)
    changed = shrink(np.asarray(factor * pixels**gamma, dtype=np.float32))
    assert similarity(shrink(pixels), changed, SAME_PLACE) > 0.96


def test_another_limb_is_dissimilar_where_it_is_laid() -> None:
    for seed in range(1, 6):
        assert similarity(shrink(phantom(0)), shrink(phantom(seed)), SAME_PLACE) < 0.6


def test_a_picture_has_a_fixed_size_and_the_whole_range() -> None:
    picture = shrink(np.asarray(phantom(0) * 0.3 + 0.4, dtype=np.float32))
    assert picture.dtype == np.uint8
    assert max(picture.shape) == PICTURE_SIDE
    assert (picture.min(), picture.max()) == (0, 255)
    assert shrink(np.full((30, 20), 0.7, np.float32)).max() == 0


def test_an_inverted_file_finds_what_an_exhaustive_search_finds() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(12_000, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = vectors[:200] + 0.05 * rng.normal(size=(200, 32)).astype(np.float32)
    _, found = index_of(vectors).search(asked, 1)
    assert (found[:, 0] == np.arange(200)).mean() > 0.97
