"""Blank, uniform and saturated pictures show too little; phantoms do not, however dim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractura.imaging.phantom import make_phantom
from fractura.reading.visibility import shows_too_little


@given(grey=st.floats(0, 1), noise=st.sampled_from([0.0, 0.01, 0.1, 0.4]), seed=st.integers(0, 999))
@settings(max_examples=40)
def test_noise_on_one_grey_shows_nothing(grey: float, noise: float, seed: int) -> None:
    grain = np.random.default_rng(seed).normal(0, noise or 1e-9, (256, 200))
    assert shows_too_little(np.clip(grey + grain, 0, 1).astype(np.float32))


@pytest.mark.parametrize("seed", range(12))
def test_a_phantom_shows_enough_until_it_is_saturated(seed: int) -> None:
    pixels = make_phantom(seed, width=180, height=240).radiograph.pixels
    assert not shows_too_little(pixels)
    assert not shows_too_little(1 - pixels)
    assert not shows_too_little(0.5 + 0.15 * pixels)
    assert shows_too_little(np.clip(pixels * 1000 + 1, 0, 1).astype(np.float32))
    assert shows_too_little(0.5 + 0.001 * pixels)


def test_tiny_pictures_are_judged_too() -> None:
    assert shows_too_little(np.zeros((1, 1), np.float32))
    assert not shows_too_little(np.eye(8, dtype=np.float32))
