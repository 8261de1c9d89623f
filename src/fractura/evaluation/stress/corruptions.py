"""What spoils radiographs, each in five severities.

The idea is that of ImageNet-C (Hendrycks and Dietterich 2019, arXiv 1903.12261) and MedMNIST-C
(Di Salvo et al. 2024, arXiv 2406.17536); corruptions and strengths are chosen for radiographs.
Everything happens to the source's grey values, before the model's own fit. Lengths are shares of
the longer side L, so that large and small radiographs suffer alike; for the same reason noise has
a grain of L / 512, or of a pixel in smaller radiographs. The same radiograph and seed always give
the same noise, direction and corner, whatever the severity.

============== ==================================================== ============================
name           strength                                             severities 1 to 5
============== ==================================================== ============================
gaussian noise standard deviation, grey values 0..1                 0.02, 0.04, 0.08, 0.12, 0.18
quantum noise  photons a grain where nothing absorbs                2000, 600, 200, 60, 20
blur           standard deviation of a Gaussian, share of L         .001, .002, .004, .007, .012
motion blur    length of a straight smear, share of L               0.005, 0.01, 0.02, 0.035, 0.05
low contrast   contrast kept, then 8 bits                           0.4, 0.2, 0.1, 0.05, 0.03
high contrast  factor about the median; what passes 0 or 1 is lost  1.15, 1.4, 1.8, 2.5, 3.5
gamma          exponent; of half the radiographs its inverse        1.25, 1.6, 2, 2.5, 3.2
jpeg           quality                                              50, 30, 15, 8, 4
downsampling   pixels of the longer side, then enlarged again       320, 224, 160, 112, 80
rotation       degrees, in the same frame, black where empty        5, 10, 15, 25, 40
crop           share of each side kept, anywhere                    0.95, 0.9, 0.8, 0.7, 0.6
inversion      bone dark                                            one severity
marker         height of a white letter in a corner, share of L     0.04, 0.06, 0.09, 0.13, 0.18
border         black border of a collimator, share of shorter side  0.03, 0.06, 0.09, 0.12, 0.16
============== ==================================================== ============================

Quantum noise takes grey values for logarithms of the photons: white is where 1 in 20 passes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from fractura.errors import FracturaError
from fractura.evaluation.stress.views import (
    Pixels,
    View,
    jpeg,
    placed,
    rotated,
    unit,
    unmoved,
)
from fractura.imaging.radiograph import Radiograph

Random = np.random.Generator

SEVERITIES = (1, 2, 3, 4, 5)

_GRAINS = 512
_DENSITY = float(np.log(20))
_LETTERS = tuple(
    np.array([[dot == "#" for dot in row] for row in rows.split()], dtype=np.float32)
    for rows in (
        "#.... #.... #.... #.... #.... #.... #####",
        "####. #...# #...# ####. #.#.. #..#. #...#",
    )
)
"""L and R."""


@dataclass(frozen=True)
class Corruption:
    """One way to spoil a radiograph.

    Attributes:
        name: in scorecards.
        strengths: of severity 1, 2, …; see the module's table.
        change: takes float32 ``[h, w]`` in 0..1, a strength and a source of randomness.
    """

    name: str
    strengths: tuple[float, ...]
    change: Callable[[Pixels, float, Random], View]

    def apply(self, radiograph: Radiograph, severity: int, seed: int = 0) -> View:
        """Spoil one radiograph.

        Args:
            radiograph: is left as it is.
            severity: 1 to the number of strengths.
            seed: of the randomness, together with the radiograph's SHA-256.

        Raises:
            FracturaError: the corruption has no such severity.
        """
        if not 1 <= severity <= len(self.strengths):
            raise FracturaError(
                f"{self.name} has severities 1 to {len(self.strengths)}, not {severity}"
            )
        name = zlib.crc32(self.name.encode())
        random = np.random.default_rng([seed, int(radiograph.sha256[:16], 16), name])
        return self.change(radiograph.pixels, self.strengths[severity - 1], random)


def _gaussian_noise(pixels: Pixels, deviation: float, random: Random) -> View:
    grain = random.standard_normal(_grain_size(pixels), dtype=np.float32)
    return _with_grain(pixels, grain * np.float32(deviation))


def _quantum_noise(pixels: Pixels, photons: float, random: Random) -> View:
    """Poisson counts of what passes; at least one photon is taken for counted."""
    height, width = _grain_size(pixels)
    coarse = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    expected = photons * np.exp(-_DENSITY * coarse.astype(np.float64))
    counted = np.maximum(random.poisson(expected), 1)
    return _with_grain(pixels, (np.log(expected / counted) / _DENSITY).astype(np.float32))


def _blur(pixels: Pixels, share: float, random: Random) -> View:
    return unmoved(cv2.GaussianBlur(pixels, (0, 0), share * max(pixels.shape)))


def _motion_blur(pixels: Pixels, share: float, random: Random) -> View:
    """Mean along a line, itself drawn as a line of width 1 between pixels."""
    half = share * max(pixels.shape) / 2
    angle = random.uniform(0, np.pi)
    reach = int(np.ceil(half)) + 1
    steps = np.linspace(-half, half, 8 * reach + 1)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    across, down = steps * np.cos(angle) + reach, steps * np.sin(angle) + reach
    column, row = np.floor(across).astype(int), np.floor(down).astype(int)
    right, below = across - column, down - row
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share_x, share_y = right if dx else 1 - right, below if dy else 1 - below
        inside = (column + dx < len(kernel)) & (row + dy < len(kernel))
        np.add.at(kernel, ((row + dy)[inside], (column + dx)[inside]), (share_x * share_y)[inside])
    kernel /= kernel.sum()
    return unmoved(cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE))


def _low_contrast(pixels: Pixels, kept: float, random: Random) -> View:
    middle = np.float32(pixels.mean())
    return unmoved(np.rint((middle + np.float32(kept) * (pixels - middle)) * 255) / np.float32(255))


def _high_contrast(pixels: Pixels, factor: float, random: Random) -> View:
    middle = np.float32(np.median(pixels))
    return unmoved(middle + np.float32(factor) * (pixels - middle))


def _gamma(pixels: Pixels, exponent: float, random: Random) -> View:
    return unmoved(pixels ** np.float32(exponent if random.random() < 0.5 else 1 / exponent))


def _jpeg(pixels: Pixels, quality: float, random: Random) -> View:
    return unmoved(jpeg(pixels, round(quality)))


def _downsampling(pixels: Pixels, side: float, random: Random) -> View:
    height, width = pixels.shape
    factor = min(1.0, side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return unmoved(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _rotation(pixels: Pixels, degrees: float, random: Random) -> View:
    return rotated(pixels, degrees if random.random() < 0.5 else -degrees)


def _crop(pixels: Pixels, kept: float, random: Random) -> View:
    height, width = pixels.shape
    size = (max(1, round(height * kept)), max(1, round(width * kept)))
    down, across = random.random(2)
    top, left = round((height - size[0]) * down), round((width - size[1]) * across)
    return placed(pixels, -left, -top, size)


def _inversion(pixels: Pixels, strength: float, random: Random) -> View:
    return unmoved(1 - pixels)


def _marker(pixels: Pixels, share: float, random: Random) -> View:
    """A letter L or R, white, a fiftieth of the longer side away from a corner."""
    height, width = pixels.shape
    long_side = max(height, width)
    letter = _LETTERS[int(random.integers(len(_LETTERS)))]
    tall = min(height, max(1, round(share * long_side)))
    wide = min(width, max(1, round(share * long_side * letter.shape[1] / letter.shape[0])))
    free = np.array([height - tall, width - wide])
    margin = np.minimum(free, round(long_side / 50))
    top, left = np.where(random.integers(2, size=2) == 1, free - margin, margin)
    ink = np.zeros_like(pixels)
    ink[top : top + tall, left : left + wide] = cv2.resize(letter, (wide, tall))
    return unmoved(np.maximum(pixels, ink))


def _border(pixels: Pixels, share: float, random: Random) -> View:
    """Black strips of one width on all four sides, that share of the shorter."""
    width = round(share * min(pixels.shape))
    black = np.zeros_like(pixels)
    rows, columns = slice(width, pixels.shape[0] - width), slice(width, pixels.shape[1] - width)
    black[rows, columns] = pixels[rows, columns]
    return unmoved(black, width)


def _grain_size(pixels: Pixels) -> tuple[int, int]:
    height, width = pixels.shape
    factor = min(1.0, _GRAINS / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _with_grain(pixels: Pixels, grain: Pixels) -> View:
    size = (pixels.shape[1], pixels.shape[0])
    return unmoved(unit(pixels + cv2.resize(grain, size, interpolation=cv2.INTER_NEAREST)))


CORRUPTIONS = (
    Corruption("gaussian noise", (0.02, 0.04, 0.08, 0.12, 0.18), _gaussian_noise),
    Corruption("quantum noise", (2000, 600, 200, 60, 20), _quantum_noise),
    Corruption("blur", (0.001, 0.002, 0.004, 0.007, 0.012), _blur),
    Corruption("motion blur", (0.005, 0.01, 0.02, 0.035, 0.05), _motion_blur),
    Corruption("low contrast", (0.4, 0.2, 0.1, 0.05, 0.03), _low_contrast),
    Corruption("high contrast", (1.15, 1.4, 1.8, 2.5, 3.5), _high_contrast),
    Corruption("gamma", (1.25, 1.6, 2, 2.5, 3.2), _gamma),
    Corruption("jpeg", (50, 30, 15, 8, 4), _jpeg),
    Corruption("downsampling", (320, 224, 160, 112, 80), _downsampling),
    Corruption("rotation", (5, 10, 15, 25, 40), _rotation),
    Corruption("crop", (0.95, 0.9, 0.8, 0.7, 0.6), _crop),
    Corruption("inversion", (1,), _inversion),
    Corruption("marker", (0.04, 0.06, 0.09, 0.13, 0.18), _marker),
    Corruption("border", (0.03, 0.06, 0.09, 0.12, 0.16), _border),
)
"""All of them, in the order of the module's table."""
