"""The beam and the detector: Beer-Lambert attenuation, scatter, noise and the display curve.

Mass attenuation coefficients are those of J. H. Hubbell and S. M. Seltzer, NISTIR 5632 (1995),
for ICRU-44 cortical bone, skeletal muscle and adipose tissue.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_ENERGIES_KEV = (30.0, 40.0, 50.0, 60.0, 80.0)
_MASS_ATTENUATION = {  # cm²/g
    "bone": (1.331, 0.6655, 0.4242, 0.3148, 0.2229),
    "muscle": (0.3783, 0.2685, 0.2262, 0.2048, 0.1823),
    "fat": (0.3063, 0.2396, 0.2123, 0.1974, 0.1800),
}
_DENSITY = {"bone": 1.92, "muscle": 1.05, "fat": 0.95}  # g/cm³


def attenuation_per_mm(material: str, kev: float) -> float:
    """Linear attenuation coefficient in 1/mm of ``bone``, ``muscle`` or ``fat`` at 30..80 keV."""
    mass = np.exp(
        np.interp(np.log(kev), np.log(_ENERGIES_KEV), np.log(_MASS_ATTENUATION[material]))
    )
    return float(mass * _DENSITY[material] / 10)


def line_integral(bone_mm: Array, muscle_mm: Array, fat_mm: Array, kev: float) -> Array:
    """Attenuation coefficient times thickness, summed along each ray (no unit)."""
    return np.asarray(
        attenuation_per_mm("bone", kev) * bone_mm
        + attenuation_per_mm("muscle", kev) * muscle_mm
        + attenuation_per_mm("fat", kev) * fat_mm,
        np.float32,
    )


def transmission(integral: Array) -> Array:
    """The share of the photons that pass: Beer-Lambert, ``exp(-integral)``."""
    return np.asarray(np.exp(-integral), np.float32)


def scatter(integral: Array, strength: float, spread_pixels: float) -> Array:
    """Scattered photons that reach the detector, as a share of the open beam.

    Forward scatter as in Ohnesorge, Flohr and Klingenbeck-Regn (European Radiology 9, 1999):
    ``strength`` times ``integral · exp(-integral)``, blurred by a wide Gaussian.
    """
    height, width = integral.shape
    small = (max(width // 6, 1), max(height // 6, 1))
    source = cv2.resize(integral * np.exp(-integral), small, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(source, (0, 0), max(spread_pixels / 6, 0.5))
    spread = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(strength * spread, np.float32)


def detect(
    intensity: Array, photons: float, blur_pixels: float, noise: np.random.Generator
) -> Array:
    """What the detector reports: blurred by its point spread, with quantum noise.

    ``photons`` is the mean count a pixel in the open beam; the Poisson law is taken as normal,
    which holds from some twenty photons on.
    """
    blurred = cv2.GaussianBlur(intensity, (0, 0), blur_pixels)
    grain = noise.standard_normal(intensity.shape, dtype=np.float32)
    grain = 1.6 * cv2.GaussianBlur(grain, (0, 0), 0.5)
    return np.asarray(blurred + np.sqrt(blurred / photons) * grain, np.float32)


def display(intensity: Array, white: float, base: float, enhance: float) -> Array:
    """Grey values in 0..1, bone bright: the logarithm that CR readers apply, then a window.

    An open beam gets ``base``, a line integral of ``white`` gets 1. ``enhance`` is the strength
    of the unsharp mask that such readers add, with its dark rim around the limb.
    """
    integral = np.minimum(-np.log(np.maximum(intensity, 1e-6)), 1.2 * white)
    sigma = max(integral.shape) / 60
    coarse = cv2.GaussianBlur(integral, (0, 0), sigma)
    fine = cv2.GaussianBlur(integral, (0, 0), sigma / 5)
    integral = integral + enhance * (2 * integral - coarse - fine)
    return np.asarray(np.clip(base + (1 - base) * integral / white, 0, 1), np.float32)
