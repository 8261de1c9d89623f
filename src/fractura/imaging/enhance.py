"""Make a radiograph easier to look at: contrast, noise and size.

Every step takes float32 ``[height, width]`` in 0..1 and returns a new array of the same kind;
none works in 8 bits. These pictures are for eyes: what a network sees is made by
:mod:`fractura.imaging.preprocess` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.errors import FracturaError

Pixels = NDArray[np.float32]

_SUBLEVELS = 16


class UnknownStepError(FracturaError, ValueError):
    """A name that is none of :data:`STEPS`."""


def enhance(pixels: Pixels, steps: Sequence[str] = ("clahe",)) -> Pixels:
    """Apply the named :data:`STEPS` with their default parameters, in the order given.

    Raises:
        UnknownStepError: before any work, where a name is not in :data:`STEPS`.
    """
    for name in steps:
        if name not in STEPS:
            raise UnknownStepError(
                f"there is no enhancement step {name!r}; choose from {', '.join(STEPS)}"
            )
    for name in steps:
        pixels = STEPS[name](pixels)
    return pixels


def resize(pixels: Pixels, long_side: int = 1024) -> Pixels:
    """Scale to ``long_side`` pixels on the longer side, keeping the aspect ratio.

    Area averaging where the image shrinks, bicubic interpolation where it grows.
    """
    height, width = pixels.shape
    scale = long_side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return _unit(cv2.resize(pixels, size, interpolation=interpolation(scale)))


def interpolation(scale: float) -> int:
    """OpenCV's name of the interpolation that looks best at ``scale`` output pixels a pixel."""
    return cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC


def normalize(pixels: Pixels, percentiles: tuple[float, float] = (0.5, 99.5)) -> Pixels:
    """Stretch the grey values between two percentiles to 0..1; a constant image stays as it is."""
    low, high = np.percentile(pixels, percentiles)
    if high - low < 1e-6:
        return pixels.copy()
    return _unit((pixels - np.float32(low)) / np.float32(high - low))


def clahe(pixels: Pixels, clip_limit: float = 2.0, tiles: int = 8) -> Pixels:
    """Contrast-limited adaptive histogram equalisation in ``tiles`` x ``tiles`` tiles.

    Zuiderveld, *Graphics Gems IV* (1994), with OpenCV's implementation. ``clip_limit`` is the
    largest slope of a tile's grey-value curve, relative to equal use of all grey values.

    OpenCV's 16-bit form is of no use here: its 65,536 bins outnumber the pixels of a tile, which
    voids the limit and skews the curve. Instead the 8-bit form runs on histograms shifted by
    sixteenths of a bin, and the mean of the results (Scott, *Annals of Statistics* 13(3), 1985)
    keeps about 12 bits. An 8-bit source gives the same histogram each time, so one run is enough.
    """
    equaliser = cv2.createCLAHE(clip_limit, (tiles, tiles))
    levels = np.rint(pixels * (255 * _SUBLEVELS)).astype(np.uint16)
    shifts = range(_SUBLEVELS) if np.any(levels % _SUBLEVELS) else range(1)
    total = np.zeros(pixels.shape, dtype=np.float32)
    for shift in shifts:
        total += equaliser.apply(((levels + np.uint16(shift)) // _SUBLEVELS).astype(np.uint8))
    return _unit(total / (255 * len(shifts)))


def bilateral(pixels: Pixels, sigma_grey: float = 0.03, sigma_px: float = 1.5) -> Pixels:
    """Edge-preserving smoothing (Tomasi and Manduchi, ICCV 1998).

    Neighbours count less by distance (``sigma_px`` pixels) and by difference of grey values
    (``sigma_grey``).
    """
    return _unit(cv2.bilateralFilter(pixels, 0, sigma_grey, sigma_px))


def median(pixels: Pixels, size: int = 3) -> Pixels:
    """Median of ``size`` x ``size`` pixels, 3 or 5: removes single bright or dark pixels."""
    return _unit(cv2.medianBlur(pixels, size))


def non_local_means(pixels: Pixels, noise: float | None = None) -> Pixels:
    """Average pixels whose 7 x 7 surroundings look alike, within 21 x 21 pixels.

    Buades, Coll and Morel, CVPR 2005, in OpenCV's 16-bit form. ``noise`` is the standard
    deviation to remove, in grey values; by default it is what :func:`noise_sigma` estimates.
    """
    sigma = noise_sigma(pixels) if noise is None else noise
    strength = max(0.9 * sigma * 65535, 1.0)
    stored = np.rint(pixels * 65535).astype(np.uint16)
    denoised = cv2.fastNlMeansDenoising(stored, [strength], None, 7, 21, cv2.NORM_L1)
    return _unit(denoised.astype(np.float32) / 65535)


def noise_sigma(pixels: Pixels) -> float:
    """Standard deviation of white noise, estimated as in Immerkær (CVIU 64(2), 1996)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    response = np.abs(cv2.filter2D(pixels, -1, mask))
    return float(response.mean(dtype=np.float64) * np.sqrt(np.pi / 2) / 6)


STEPS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "resize": resize,
    "normalize": normalize,
    "clahe": clahe,
    "bilateral": bilateral,
    "median": median,
    "non-local-means": non_local_means,
}


def _unit(pixels: NDArray[Any]) -> Pixels:
    return np.asarray(np.clip(pixels, 0, 1), dtype=np.float32)
