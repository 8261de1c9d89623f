import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fractura.errors import FracturaError
from fractura.imaging.quality import NotComparableError, psnr, ssim

images = st.tuples(
    st.integers(11, 60), st.integers(11, 60), st.integers(0, 2**32 - 1), st.floats(0.001, 0.5)
)


def _pair(parameters):
    height, width, seed, noise = parameters
    generator = np.random.default_rng(seed)
    reference = np.cumsum(generator.normal(0, 0.05, (height, width)), axis=1) % 1
    return reference, np.clip(reference + generator.normal(0, noise, reference.shape), 0, 1)


@given(images)
def test_psnr_equals_scikit_image(parameters):
    reference, image = _pair(parameters)
    expected = peak_signal_noise_ratio(reference, image, data_range=1)
    assert psnr(reference, image) == pytest.approx(expected, abs=1e-9)


@given(images)
def test_ssim_equals_scikit_image(parameters):
    reference, image = _pair(parameters)
    expected = structural_similarity(
        reference,
        image,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
    )
    assert ssim(reference, image) == pytest.approx(expected, abs=1e-9)
    assert ssim(image, reference) == pytest.approx(expected, abs=1e-9)


def test_exact_values():
    dark = np.full((20, 30), 0.25, dtype=np.float32)
    bright = np.full((20, 30), 0.75, dtype=np.float32)
    assert psnr(dark, bright) == pytest.approx(10 * math.log10(4))
    assert ssim(dark, bright) == pytest.approx((2 * 0.25 * 0.75 + 1e-4) / (0.625 + 1e-4))


def test_equal_images():
    image = np.random.default_rng(0).random((11, 11), dtype=np.float32)
    assert psnr(image, image.copy()) == math.inf
    assert ssim(image, image.copy()) == pytest.approx(1)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_different_shapes_are_refused(measure):
    with pytest.raises(NotComparableError, match="40 x 30 and 30 x 40 pixels"):
        measure(np.zeros((30, 40)), np.zeros((40, 30)))
    assert issubclass(NotComparableError, FracturaError)


def test_ssim_refuses_images_smaller_than_its_window():
    with pytest.raises(NotComparableError, match="at least 11 x 11 pixels; these have 50 x 10"):
        ssim(np.zeros((10, 50)), np.zeros((10, 50)))
