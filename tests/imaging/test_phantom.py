"""Phantoms: exact truth, the physics behind the pixels, and what a fracture may change."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fractura.imaging.phantom import KINDS, REGIONS, make_phantom, physics
from fractura.imaging.phantom.exposure import expose
from fractura.imaging.phantom.geometry import (
    Bone,
    Flesh,
    PixelGrid,
    Point,
    chord,
    flesh_thickness,
    mineral,
    radius_at,
)
from fractura.imaging.phantom.make import draw_projection

UNDISPLACED = ("transverse", "oblique", "spiral")
SEEDS = st.integers(0, 2**40)


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def projections(seed: int, *kinds):
    """The same limb with each of the kinds of fracture."""
    return [
        draw_projection(generator(seed), generator(seed + 1), kind, 200, 240)[1] for kind in kinds
    ]


@given(SEEDS, st.sampled_from(KINDS), st.integers(64, 300), st.integers(64, 300))
@example(10667, "transverse", 64, 64)  # a toe thinner than a pixel
@settings(max_examples=30, deadline=None)
def test_boxes_are_the_extents_of_the_masks_and_show_a_fracture(seed, kind, width, height):
    phantom = make_phantom(seed, fracture=kind, width=width, height=height)
    pixels = phantom.radiograph.pixels
    change = (
        pixels != make_phantom(seed, fracture=None, width=width, height=height).radiograph.pixels
    )
    assert pixels.shape == (height, width)
    assert pixels.dtype == np.float32
    assert 0 <= pixels.min() < pixels.max() <= 1
    assert np.abs(pixels * 4095 - np.round(pixels * 4095)).max() < 1e-3
    assert phantom.region in REGIONS
    assert phantom.masks.shape == (len(phantom.boxes), height, width)
    assert len(phantom.boxes) >= 1
    assert phantom.kinds == (kind,) * len(phantom.boxes)
    for box, mask in zip(phantom.boxes, phantom.masks, strict=True):
        rows_columns = np.argwhere(mask)
        low, high = rows_columns.min(axis=0), rows_columns.max(axis=0) + 1
        assert box.as_list() == [low[1], low[0], high[1], high[0]]
        assert change[low[0] : high[0], low[1] : high[1]].any()


@given(SEEDS, st.sampled_from([*KINDS, None, "random"]))
@settings(max_examples=15, deadline=None)
def test_a_seed_gives_the_same_bits(seed, kind):
    first, second = (make_phantom(seed, fracture=kind, width=100, height=120) for _ in range(2))
    assert first.radiograph.pixels.tobytes() == second.radiograph.pixels.tobytes()
    assert np.array_equal(first.masks, second.masks)
    digest = hashlib.sha256(first.radiograph.pixels.tobytes()).hexdigest()
    assert first.radiograph.sha256 == second.radiograph.sha256 == digest
    assert make_phantom(seed + 1, width=100, height=120).radiograph.sha256 != digest


def test_chance_breaks_half_of_the_limbs_in_all_ways_and_asking_for_that_way_changes_nothing():
    drawn = [make_phantom(seed, width=80, height=96) for seed in range(200)]
    assert 0.4 < np.mean([len(phantom.boxes) > 0 for phantom in drawn]) < 0.6
    assert {kind for phantom in drawn for kind in phantom.kinds} == set(KINDS)
    assert {phantom.region for phantom in drawn} == set(REGIONS)
    for seed in range(20):
        kind = drawn[seed].kinds[0] if drawn[seed].kinds else None
        asked = make_phantom(seed, fracture=kind, width=80, height=96)
        assert asked.radiograph.sha256 == drawn[seed].radiograph.sha256


@given(SEEDS, st.sampled_from(UNDISPLACED))
@settings(max_examples=25, deadline=None)
def test_an_undisplaced_fracture_takes_bone_inside_its_mask_and_nothing_else(seed, kind):
    whole, broken = projections(seed, None, kind)
    inside = broken.masks.any(axis=0)
    assert whole.masks.shape[0] == 0
    assert np.array_equal(whole.bone[~inside], broken.bone[~inside])
    assert np.all(broken.bone <= whole.bone)
    assert np.max(whole.bone - broken.bone) > 0.05 * np.max(whole.bone[inside])
    for layer in ("flesh", "muscle", "cast"):
        assert np.array_equal(getattr(whole, layer), getattr(broken, layer))


@pytest.mark.parametrize("kind", UNDISPLACED)
@pytest.mark.parametrize("seed", range(6))
def test_an_undisplaced_fracture_darkens_its_mask_and_leaves_the_rest_of_the_picture(seed, kind):
    whole = make_phantom(seed, fracture=None)
    broken = make_phantom(seed, fracture=kind)
    change = broken.radiograph.pixels - whole.radiograph.pixels
    inside = broken.masks.any(axis=0)
    around = cv2.dilate(inside.astype(np.uint8), np.ones((15, 15))) > 0
    assert np.abs(change[~around]).max() < 2 / 255
    assert all(change[mask].mean() < 0 for mask in broken.masks)
    assert change[inside].min() < -2 / 255


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_a_displaced_fracture_moves_bone_but_hardly_loses_any(seed):
    whole, broken = projections(seed, None, "displaced")
    inside = broken.masks.any(axis=0)
    assert np.abs(whole.bone - broken.bone)[inside].max() > 0.5
    assert broken.bone.sum() == pytest.approx(whole.bone.sum(), rel=0.15)


def test_most_boxes_are_as_small_as_those_of_real_fractures():
    boxes = [box for seed in range(110) for box in make_phantom(seed).boxes]
    sizes = np.sqrt([box.width * box.height for box in boxes])
    low, median, high = np.percentile(sizes, (5, 50, 95))
    assert 8 < low < 16
    assert 20 < median < 32
    assert 45 < high < 80


def test_attenuation_is_the_published_one():
    assert physics.attenuation_per_mm("bone", 40) == pytest.approx(0.6655 * 1.92 / 10)
    assert physics.attenuation_per_mm("muscle", 60) == pytest.approx(0.2048 * 1.05 / 10)
    for material in ("bone", "muscle", "fat"):
        curve = [physics.attenuation_per_mm(material, kev) for kev in range(30, 81)]
        assert np.all(np.diff(curve) < 0)


thickness = st.floats(0, 100, width=32)


@given(thickness, thickness, thickness, st.floats(0.125, 20, width=32), st.floats(30, 80))
def test_more_of_any_material_lets_less_through(bone, muscle, fat, more, kev):
    def passed(*mm: float) -> float:
        return float(physics.line_integral(*(np.full((1, 1), each) for each in mm), kev)[0, 0])

    base = passed(bone, muscle, fat)
    assert passed(bone + more, muscle, fat) > base
    assert passed(bone, muscle + more, fat) > base
    assert passed(bone, muscle, fat + more) > base
    assert passed(more, 0, 0) > passed(0, more, 0) > passed(0, 0, more)


def test_a_slab_without_noise_is_exactly_beer_lambert_down_to_the_pixel():
    slab = {"bone": 6.0, "muscle": 40.0, "fat": 8.0}
    field = [np.full((60, 80), mm, np.float32) for mm in slab.values()]
    integral = physics.line_integral(*field, kev=50)
    expected = (6 * 0.4242 * 1.92 + 40 * 0.2262 * 1.05 + 8 * 0.2123 * 0.95) / 10
    intensity = physics.transmission(integral)
    assert intensity == pytest.approx(np.exp(-expected), rel=1e-5)
    seen = physics.detect(intensity, np.inf, 0.7, generator(0))
    assert seen == pytest.approx(np.exp(-expected), rel=1e-5)
    pixels = physics.display(seen, white=3.0, base=0.1, enhance=0.5)
    assert pixels == pytest.approx(0.1 + 0.9 * expected / 3.0, rel=1e-5)
    open_field = physics.display(np.ones((60, 80), np.float32), 3.0, 0.1, 0.5)
    assert open_field == pytest.approx(0.1, rel=1e-5)


def test_scatter_of_a_slab_is_the_model_s_and_adds_up():
    integral = np.full((120, 120), 1.5, np.float32)
    assert physics.scatter(integral, 0.2, 20) == pytest.approx(0.2 * 1.5 * np.exp(-1.5), rel=1e-4)
    integral[40:80, 40:80] = 0.0
    light = physics.scatter(integral, 0.2, 20)
    assert light.min() > 0
    assert physics.scatter(integral, 0.4, 20) == pytest.approx(2 * light, rel=1e-5)
    assert np.abs(np.diff(light, axis=0)).max() < 0.02 * light.max()


@pytest.mark.parametrize("photons", [500, 8000])
def test_noise_has_the_strength_of_photon_counting(photons):
    clean = np.full((400, 400), 0.25, np.float32)
    noisy = physics.detect(clean, photons, 0.6, generator(3))
    assert noisy.mean() == pytest.approx(0.25, rel=5e-3)
    assert noisy.std() == pytest.approx(np.sqrt(0.25 / photons), rel=0.05)


def test_a_long_bone_has_bright_cortices_and_a_darker_marrow():
    bone = Bone("rod", Point(-200, 0), Point(200, 0), 12, 12, 12, 4, trabecular=0.0)
    beside = np.linspace(-12, 12, 241, dtype=np.float32)
    profile = mineral(bone, np.full_like(beside, 200), beside, np.zeros((8, 8), np.float32))
    _, inner, _ = radius_at(bone, np.array([200], np.float32))
    assert inner == pytest.approx(12 - 4.3, abs=0.15)
    expected = chord(np.float32(12), beside) - chord(inner, beside)
    assert profile == pytest.approx(expected, abs=1e-3)
    assert abs(beside[profile.argmax()]) == pytest.approx(12 - 4.3, abs=0.3)
    assert profile[120] == profile[60:181].min()


def test_a_growth_plate_is_a_dark_band_across_the_bone():
    closed = Bone("rod", Point(-100, 0), Point(100, 0), 8, 15, 15, 3)
    along, flat = np.arange(2, 40, 0.1, dtype=np.float32), np.zeros((8, 8), np.float32)
    beside = np.zeros_like(along)
    ratio = mineral(replace(closed, plates=(12.0, 0.0)), along, beside, flat) / mineral(
        closed, along, beside, flat
    )
    assert along[ratio.argmin()] == pytest.approx(12, abs=0.6)
    assert ratio.min() < 0.3
    assert ratio[along > 20] == pytest.approx(1, abs=1e-3)


def test_a_cylinder_of_flesh_has_the_volume_of_a_cylinder():
    grid = PixelGrid(300, 300, 0.5)
    flesh, muscle = flesh_thickness(
        grid, (Flesh(Point(0, -200), Point(0, 200), 30, 30, depth=1.0),)
    )
    assert flesh.sum() * grid.pitch_mm**2 == pytest.approx(np.pi * 30**2 * 150, rel=1e-3)
    assert flesh[:, 150] == pytest.approx(60, rel=1e-3)
    assert np.all(muscle <= flesh)


@pytest.mark.parametrize("seed", range(12))
def test_an_exposure_shows_the_limb_above_its_background(seed):
    (limb,) = projections(seed, None)
    pixels = expose(limb, generator(seed), generator(99))
    field = np.zeros(limb.bone.shape, bool)
    field[20:-20, 20:-20] = True
    bone, air = field & (limb.bone > 5), field & (limb.flesh == 0)
    beside_bone = cv2.dilate((limb.bone > 0).astype(np.uint8), np.ones((15, 15))) > 0
    flesh = field & beside_bone & (limb.bone == 0) & (limb.flesh > 10)
    assert np.median(pixels[bone]) > np.median(pixels[flesh]) + 0.05
    assert np.median(pixels[flesh]) > np.median(pixels[air]) + 0.05


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 0, "width": 63}, "63 x 454"),
        ({"seed": 0, "height": 0}, "373 x 0"),
        ({"seed": 0, "fracture": "hairline"}, "transverse, oblique"),
    ],
)
def test_wrong_arguments_say_what_is_wrong(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_phantom(**arguments)
