"""How far one image is from another: PSNR and SSIM.

Both take two arrays ``[height, width]`` of equal shape with grey values in 0..1 and calculate in
double precision.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError

Image = NDArray[np.floating]

_WINDOW = 11


class NotComparableError(FracturaError, ValueError):
    """Two images that cannot be compared pixel by pixel."""


def psnr(reference: Image, image: Image) -> float:
    """Peak signal-to-noise ratio in decibels, for a peak of 1; infinite for equal images.

    Raises:
        NotComparableError: where the shapes differ.
    """
    x, y = _pair(reference, image)
    error = float(np.mean((x - y) ** 2))
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(reference: Image, image: Image) -> float:
    """Mean structural similarity, -1..1, 1 for equal images.

    Wang, Bovik, Sheikh and Simoncelli, *IEEE Transactions on Image Processing* 13(4), 2004:
    Gaussian window of 11 x 11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03, averaged over the
    places where the window lies inside the image. Equal to scikit-image's
    ``structural_similarity`` with ``gaussian_weights=True, use_sample_covariance=False``.

    Raises:
        NotComparableError: where the shapes differ or a side is shorter than the window.
    """
    x, y = _pair(reference, image)
    if min(x.shape) < _WINDOW:
        raise NotComparableError(
            f"SSIM needs images of at least {_WINDOW} x {_WINDOW} pixels; "
            f"these have {x.shape[1]} x {x.shape[0]}"
        )
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float(np.mean(luminance * structure))


def _pair(reference: Image, image: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if reference.shape != image.shape:
        raise NotComparableError(
            f"the images have {reference.shape[1]} x {reference.shape[0]} and "
            f"{image.shape[1]} x {image.shape[0]} pixels; compare images of one size"
        )
    return reference.astype(np.float64), image.astype(np.float64)


def _window_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    margin = _WINDOW // 2
    blurred = cv2.GaussianBlur(values, (_WINDOW, _WINDOW), 1.5)
    return np.asarray(blurred[margin:-margin, margin:-margin], dtype=np.float64)
