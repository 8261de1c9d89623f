"""One exposure: tube, collimator, side marker, detector and display, drawn at random."""

from __future__ import annotations

import cv2
import numpy as np

from fractura.imaging.phantom import physics
from fractura.imaging.phantom.geometry import Array
from fractura.imaging.phantom.projection import Projection

_LEAD = 8.0  # line integral behind collimator and marker: next to nothing passes


def expose(projection: Projection, beam: np.random.Generator, grain: np.random.Generator) -> Array:
    """The displayed radiograph, float32 ``[H, W]`` in 0..1.

    Tube voltage and display window follow the soft tissue's thickness in the middle of the field,
    as an automatic exposure control's would, never the bones: a fracture does not change them.
    """
    height, width = projection.bone.shape
    unit = max(height, width) / 454
    middle = projection.flesh[height // 4 : -(height // 4), width // 4 : -(width // 4)]
    thickest = float(np.percentile(middle, 97))
    kev = float(np.clip(36 + thickest / 6 + beam.uniform(-3, 3), 36, 60))
    uneven = beam.standard_normal((12, 12), dtype=np.float32)
    bumps = 1 + 0.03 * cv2.resize(uneven, (width, height), interpolation=cv2.INTER_CUBIC)
    share = np.clip(1 - projection.bone / np.maximum(projection.flesh, 1), 0, 1) * bumps
    integral = physics.line_integral(
        projection.bone + projection.cast,
        projection.muscle * share,
        (projection.flesh - projection.muscle) * share,
        kev,
    )
    lead = _shutters(height, width, beam) + _marker(projection.flesh, beam)
    integral = integral + _LEAD * lead
    intensity = physics.transmission(integral) * _field(height, width, beam)
    intensity = intensity + physics.scatter(integral, beam.uniform(0.05, 0.25), 40 * unit)
    photons = 10 ** beam.uniform(3.7, 4.9)
    intensity = physics.detect(intensity, photons, beam.uniform(0.45, 0.7) * unit, grain)
    limb = physics.attenuation_per_mm("muscle", kev) * thickest
    white = (limb + physics.attenuation_per_mm("bone", kev) * 10) * beam.uniform(0.9, 1.7)
    return physics.display(intensity, white, beam.uniform(0.03, 0.12), beam.uniform(0.0, 0.6))


def _shutters(height: int, width: int, beam: np.random.Generator) -> Array:
    """The collimator's blades, 0..1, which leave white borders on some sides."""
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    lead = np.zeros((height, width), np.float32)
    for distance in (rows, height - 1 - rows, columns, width - 1 - columns):
        if beam.random() < 0.4:
            depth = beam.choice((0.003, 0.008, 0.03), p=(0.5, 0.35, 0.15)) * max(height, width)
            penumbra = beam.uniform(0.3, 1.5)
            lead += 1 / (1 + np.exp(np.clip((distance - depth) / penumbra, -30, 30)))
    return lead


def _marker(flesh: Array, beam: np.random.Generator) -> Array:
    """A lead letter, L or R, 0..1, somewhere beside the limb; often none."""
    height, width = flesh.shape
    size = max(height, width) / 454 * beam.uniform(12, 20)
    places = beam.uniform(0.1, 0.9, (12, 2)) * (width, height)
    letter, turn, wanted = str(beam.choice(("L", "R"))), beam.normal(0, 8), beam.random() < 0.4
    for x, y in places if wanted else ():
        left, top = max(int(x - size), 0), max(int(y - size), 0)
        if not flesh[top : int(y + size), left : int(x + size)].any():
            return _letter(letter, (float(x), float(y)), size, turn, flesh.shape)
    return np.zeros(flesh.shape, np.float32)


def _letter(
    letter: str, centre: tuple[float, float], size: float, turn: float, shape: tuple[int, ...]
) -> Array:
    canvas = np.zeros(shape, np.uint8)
    start = (int(centre[0] - size * 0.35), int(centre[1] + size * 0.5))
    thick = max(round(size / 7), 1)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(canvas, letter, start, font, size / 21, 255, thick, cv2.LINE_AA)
    turned = cv2.warpAffine(canvas, cv2.getRotationMatrix2D(centre, turn, 1.0), shape[::-1])
    return np.asarray(turned, np.float32) / np.float32(255)


def _field(height: int, width: int, beam: np.random.Generator) -> Array:
    """The open beam, around 1: the heel effect's slope and the plate reader's faint stripes."""
    slope = beam.uniform(-0.08, 0.08) * np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    stripes = beam.standard_normal((1, width), dtype=np.float32)
    stripes = np.asarray(cv2.GaussianBlur(stripes, (0, 0), beam.uniform(0.8, 6.0)), np.float32)
    return np.asarray(1 + slope + beam.uniform(0.0, 0.02) * stripes, np.float32)
