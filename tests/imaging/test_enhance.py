import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from fractura.errors import FracturaError
from fractura.imaging.enhance import (
    STEPS,
    UnknownStepError,
    bilateral,
    clahe,
    enhance,
    median,
    noise_sigma,
    non_local_means,
    normalize,
    resize,
)
from fractura.imaging.quality import psnr


def _limb(height=256, width=256):
    """A smooth, bright shaft on a dark, slowly varying background."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    shaft = 1 / (1 + np.exp((np.abs(x - 0.5 - 0.1 * y) - 0.12) * 60))
    return (0.1 + 0.2 * y + 0.5 * shaft).astype(np.float32)


@given(
    st.sampled_from(sorted(STEPS)),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 2, 256, 2**16]),
)
def test_every_step_keeps_the_contract(name, height, width, seed, levels):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, levels, (height, width)) / np.float32(max(levels - 1, 1))
    pixels = pixels.astype(np.float32)
    before = pixels.copy()
    result = STEPS[name](pixels)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 1
    assert not np.shares_memory(result, pixels)
    assert np.array_equal(pixels, before)
    if name == "resize":
        assert max(result.shape) == 1024
    else:
        assert result.shape == pixels.shape


@pytest.mark.parametrize("name", ["resize", "normalize", "bilateral", "median", "non-local-means"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (700, 1), (30, 50)])
def test_a_constant_image_stays_constant(name, shape):
    pixels = np.full(shape, 0.625, dtype=np.float32)
    assert np.allclose(STEPS[name](pixels), 0.625, atol=1 / 65535)


def test_a_large_radiograph():
    pixels = _limb(4000, 5000)
    result = enhance(pixels, ("normalize", "median", "bilateral", "clahe", "resize"))
    assert result.shape == (819, 1024)


def test_steps_run_in_the_order_given():
    pixels = np.random.default_rng(0).random((50, 70), dtype=np.float32)
    assert np.array_equal(enhance(pixels, ("median", "clahe")), clahe(median(pixels)))
    assert not np.array_equal(
        enhance(pixels, ("median", "clahe")), enhance(pixels, ("clahe", "median"))
    )
    assert np.array_equal(enhance(pixels), clahe(pixels))
    assert np.array_equal(enhance(pixels, ()), pixels)


def test_an_unknown_step_is_named_with_the_known_ones():
    with pytest.raises(UnknownStepError, match=r"'sharpen'; choose from resize, normalize, clahe"):
        enhance(np.zeros((5, 5), np.float32), ("clahe", "sharpen"))
    assert issubclass(UnknownStepError, FracturaError)


def test_normalise_is_blind_to_exposure():
    pixels = _limb()
    low, high = np.percentile(pixels, (0.5, 99.5))
    expected = np.clip((pixels - low) / (high - low), 0, 1)
    assert np.allclose(normalize(pixels), expected, atol=1e-6)
    assert np.allclose(normalize(pixels * np.float32(0.3) + np.float32(0.1)), expected, atol=1e-5)


def test_resize_averages_areas_and_keeps_the_aspect_ratio():
    pixels = np.random.default_rng(1).random((60, 100), dtype=np.float32)
    blocks = pixels.reshape(15, 4, 25, 4).mean(axis=(1, 3))
    assert np.allclose(resize(pixels, 25), blocks, atol=1e-6)
    assert resize(pixels, 250).shape == (150, 250)


def test_clahe_of_an_8_bit_image_is_opencvs():
    stored = (_limb() * 255 + np.random.default_rng(2).normal(0, 3, (256, 256))).astype(np.uint8)
    expected = cv2.createCLAHE(2.0, (8, 8)).apply(stored)
    result = clahe(stored.astype(np.float32) / np.float32(255))
    assert np.array_equal(np.rint(result * 255), expected)
    assert np.allclose(result * 255, expected, atol=1e-4)


def test_clahe_keeps_more_than_8_bits():
    ramp = np.tile(np.arange(4096, dtype=np.float32) / 4095, (64, 1))[:, 1024:1536]
    result = clahe(ramp)
    coarse = cv2.createCLAHE(2.0, (8, 8)).apply(np.rint(ramp * 255).astype(np.uint8))
    assert len(np.unique(coarse)) < 256 < len(np.unique(result))
    assert np.abs(np.diff(result[32])).max() < 2 / 255 < np.diff(coarse[32].astype(int)).max()
    assert np.abs(result * 255 - coarse).mean() < 2


def test_clahe_raises_local_contrast():
    pixels = _limb() * np.float32(0.2) + np.float32(0.4)
    assert clahe(pixels).std() > 1.5 * pixels.std()


def test_median_equals_scipys():
    pixels = np.random.default_rng(3).random((40, 30), dtype=np.float32)
    for size in (3, 5):
        expected = ndimage.median_filter(pixels, size, mode="nearest")
        assert np.array_equal(median(pixels, size), expected)


def test_bilateral_smooths_but_keeps_the_edge():
    generator = np.random.default_rng(4)
    step = np.where(np.arange(80) < 40, 0.2, 0.8).astype(np.float32)
    pixels = np.clip(step + generator.normal(0, 0.02, (80, 80)), 0, 1).astype(np.float32)
    result = bilateral(pixels)
    assert result[:, :40].std() < 0.5 * pixels[:, :40].std()
    assert (result[:, 40] - result[:, 39]).mean() == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("sigma", [0.01, 0.03, 0.06])
def test_non_local_means_measures_and_removes_the_noise(sigma):
    clean = _limb()
    noise = np.random.default_rng(5).normal(0, sigma, clean.shape)
    noisy = np.clip(clean + noise, 0, 1).astype(np.float32)
    result = non_local_means(noisy)
    assert noise_sigma(noisy) == pytest.approx(sigma, rel=0.1)
    assert psnr(clean, result) > psnr(clean, noisy) + 6
    assert len(np.unique(result)) > 256
    assert np.array_equal(result, non_local_means(noisy, noise_sigma(noisy)))
