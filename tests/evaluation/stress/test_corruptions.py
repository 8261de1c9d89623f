"""Corruptions are reproducible, grow with severity, and are as strong as they say."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fractura.errors import FracturaError
from fractura.evaluation.stress.corruptions import CORRUPTIONS, Corruption
from fractura.imaging.phantom import make_phantom
from fractura.imaging.radiograph import Radiograph

BY_NAME = {one.name: one for one in CORRUPTIONS}
STILL = [one for one in CORRUPTIONS if one.name not in ("rotation", "crop", "inversion")]
DRAWN = ("gaussian noise", "quantum noise", "motion blur", "crop")


def radiograph(pixels: NDArray[np.floating]) -> Radiograph:
    values = np.ascontiguousarray(pixels, np.float32)
    return Radiograph(values, hashlib.sha256(values.tobytes()).hexdigest())


PHANTOM = make_phantom(3, width=373, height=454).radiograph


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda one: one.name)
def test_reproducible_and_unit(corruption: Corruption) -> None:
    before = PHANTOM.pixels.copy()
    for severity in range(1, len(corruption.strengths) + 1):
        view = corruption.apply(PHANTOM, severity)
        assert view.pixels.dtype == np.float32
        assert view.pixels.min() >= 0
        assert view.pixels.max() <= 1
        np.testing.assert_array_equal(view.pixels, corruption.apply(PHANTOM, severity).pixels)
    np.testing.assert_array_equal(PHANTOM.pixels, before)


@pytest.mark.parametrize("name", DRAWN)
def test_seed_and_radiograph_decide_what_is_drawn(name: str) -> None:
    own, other = BY_NAME[name].apply(PHANTOM, 3), BY_NAME[name].apply(PHANTOM, 3, seed=1)
    assert not np.array_equal(own.pixels, other.pixels)
    twin = Radiograph(PHANTOM.pixels, "f" * 64)
    assert not np.array_equal(own.pixels, BY_NAME[name].apply(twin, 3).pixels)


@pytest.mark.parametrize("corruption", STILL, ids=lambda one: one.name)
def test_every_severity_is_further_from_the_original(corruption: Corruption) -> None:
    errors = [
        float(((corruption.apply(PHANTOM, severity).pixels - PHANTOM.pixels) ** 2).mean())
        for severity in range(1, len(corruption.strengths) + 1)
    ]
    assert errors == sorted(set(errors))
    assert errors[0] > 0


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda one: one.name)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 5), (40, 700)])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_hostile_sizes_and_even_images(
    corruption: Corruption, shape: tuple[int, int], level: float
) -> None:
    view = corruption.apply(radiograph(np.full(shape, level)), len(corruption.strengths))
    assert np.isfinite(view.pixels).all()
    assert min(view.pixels.shape) >= 1


@pytest.mark.parametrize("side", [500, 1024])
def test_gaussian_noise_is_as_strong_in_large_radiographs(side: int) -> None:
    noisy = BY_NAME["gaussian noise"].apply(radiograph(np.full((side, side), 0.5)), 3).pixels
    small = cv2.resize(noisy, (min(side, 512),) * 2, interpolation=cv2.INTER_AREA)
    assert small.std() == pytest.approx(0.08, rel=0.02)
    assert small.mean() == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize("level", [0.2, 0.5])
def test_quantum_noise_follows_poisson(level: float) -> None:
    """Delta method: the logarithm of a count N has a standard deviation of 1 / sqrt(N)."""
    noisy = BY_NAME["quantum noise"].apply(radiograph(np.full((500, 500), level)), 1).pixels
    counts = 2000 * 20**-level
    assert noisy.std() == pytest.approx(1 / np.log(20) / np.sqrt(counts), rel=0.02)


@pytest.mark.parametrize("name", ["blur", "motion blur"])
def test_blur_spreads_a_point_without_loss(name: str) -> None:
    pixels = np.zeros((401, 401), np.float32)
    pixels[200, 200] = 1
    spread = BY_NAME[name].apply(radiograph(pixels), 4).pixels.astype(np.float64)
    assert spread.sum() == pytest.approx(1, abs=1e-3)
    rows, columns = np.mgrid[:401, :401] - 200
    deviations = np.array([[(spread * a * b).sum() for a in (rows, columns)]
                           for b in (rows, columns)])  # fmt: skip
    across, along = np.sqrt(np.linalg.eigvalsh(deviations))
    if name == "blur":
        assert across == pytest.approx(0.007 * 401, rel=0.05)
        assert along == pytest.approx(across, rel=0.01)
    else:  # an even line of length l has a standard deviation of l / sqrt(12)
        assert along == pytest.approx(0.035 * 401 / np.sqrt(12), rel=0.05)
        assert across < 0.6


def test_marker_leaves_all_but_a_corner() -> None:
    for seed in range(8):
        view = BY_NAME["marker"].apply(PHANTOM, 5, seed)
        rows, columns = np.nonzero(view.pixels != PHANTOM.pixels)
        assert view.pixels.max() == 1
        assert np.ptp(rows) < 0.18 * 454
        assert np.ptp(columns) < 0.13 * 454
        assert min(rows.min(), 453 - rows.max()) < 0.03 * 454
        assert min(columns.min(), 372 - columns.max()) < 0.03 * 454


def test_unknown_severity() -> None:
    with pytest.raises(FracturaError, match="inversion has severities 1 to 1, not 2"):
        BY_NAME["inversion"].apply(PHANTOM, 2)
