"""Made-up pictures that are no radiographs, to fit and to test what tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Floats = NDArray[np.float64]
Shape = tuple[int, int]

_SHAPES: tuple[Shape, ...] = ((384, 512), (512, 384), (512, 512), (450, 330), (300, 640))
_LETTERS = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM0123456789.,:-      ")
_FONTS = (0, 1, 2, 3, 4)


def make_non_radiograph(kind: str, seed: int) -> Pixels:
    """A made-up picture, float32 ``[H, W]`` in 0..1 with sides of 300 to 640 pixels.

    Args:
        kind: one of :data:`NON_RADIOGRAPHS`.
        seed: the same gives the same picture.
    """
    random = np.random.default_rng([seed, list(NON_RADIOGRAPHS).index(kind)])
    shape = _SHAPES[random.integers(len(_SHAPES))]
    return np.clip(NON_RADIOGRAPHS[kind](random, shape), 0, 1).astype(np.float32)


def _scene(random: np.random.Generator, shape: Shape) -> Floats:
    """Shapes of all sizes that hide one another, farther ones out of focus: dead leaves.

    Shares its statistics with photographs: Lee, Mumford and Huang 2001, Int. J. Computer Vision
    41, 35-59.
    """
    picture = np.full(shape, random.random()) * _cloud(random, shape)
    outline, most = random.integers(3), int(random.integers(20, 300))
    for depth in range(int(random.integers(1, 4)), 0, -1):
        number = np.zeros(shape, np.float32)
        for leaf in range(1, most + 1):
            _draw_leaf(number, leaf, int(outline), random)
        index = number.astype(np.intp)
        grey, texture = random.random(most + 1), random.uniform(-0.5, 0.5, most + 1)
        layer = grey[index] + texture[index] * (_cloud(random, shape) - 0.5)
        blurred = cv2.GaussianBlur(picture, (0, 0), float(random.uniform(0.5, 4) * depth))
        picture = np.where(index > 0, layer, blurred)
    lit = picture * (0.4 + 0.6 * _clouds(random, shape, random.uniform(1.2, 2)))
    return cv2.GaussianBlur(lit, (0, 0), float(random.uniform(0.3, 1.5))).astype(np.float64)


def _draw_leaf(
    number: NDArray[np.float32], leaf: int, outline: int, random: np.random.Generator
) -> None:
    height, width = number.shape
    size = min(0.4 * min(height, width), 3 + 3 * random.pareto(1.2))
    centre = np.array([random.integers(width), random.integers(height)])
    if outline == 0:
        axes = (int(size), int(size * random.uniform(0.2, 1)))
        at = (int(centre[0]), int(centre[1]))
        cv2.ellipse(number, at, axes, random.uniform(0, 180), 0, 360, float(leaf), -1)
    else:
        corners = random.normal(0, size, (int(random.integers(3, 4 + 3 * outline)), 2))
        cv2.fillPoly(number, [np.int32(centre + corners)], float(leaf))  # type: ignore[list-item]


def _slice(random: np.random.Generator, shape: Shape) -> Floats:
    """A bright rim with organs in it, as in a slice of CT or MR."""
    height, width = shape
    picture = np.zeros(shape)
    radius = min(shape) * random.uniform(0.3, 0.48)
    flat, turn = random.uniform(0.6, 1), random.uniform(0, 180)

    def ellipse(centre: Floats, size: float, ratio: float, angle: float, grey: float) -> None:
        at, axes = (int(centre[0]), int(centre[1])), (int(size), int(size * ratio))
        cv2.ellipse(picture, at, axes, angle, 0, 360, grey, -1)

    middle = np.array([width / 2, height / 2])
    ellipse(middle, radius, flat, turn, random.uniform(0.4, 1))
    body = picture > 0
    ellipse(middle, radius * random.uniform(0.85, 0.97), flat, turn, random.uniform(0.1, 0.6))
    for _ in range(int(random.integers(5, 60))):
        centre, size = middle + random.normal(0, 0.35, 2) * radius, random.uniform(0.03, 0.3)
        angle = random.uniform(0, 180)
        ellipse(centre, size * radius, random.uniform(0.3, 1), angle, random.random())
    smooth = cv2.GaussianBlur(picture * body, (0, 0), float(random.uniform(0.8, 3)))
    grained = smooth * (1 + 0.3 * (_clouds(random, shape, random.uniform(0.3, 1.2)) - 0.5))
    return np.asarray(grained + random.normal(0, 0.02, shape) * body)


def _cloud(random: np.random.Generator, shape: Shape) -> Floats:
    return _clouds(random, shape, random.uniform(0.3, 2.5))


def _clouds(random: np.random.Generator, shape: Shape, slope: float) -> Floats:
    """Noise whose amplitude falls with the frequency to the power of ``slope``."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    phases = random.normal(size=frequency.shape) + 1j * random.normal(size=frequency.shape)
    return _stretched(np.fft.irfft2(phases * frequency**-slope, shape))


def _page(random: np.random.Generator, shape: Shape) -> Floats:
    """Lines of text, black on white or the reverse, some with a filled box between them."""
    height, width = shape
    paper, ink = (1.0, random.uniform(0, 0.3)) if random.random() < 0.7 else (0.1, 1.0)
    picture = np.full(shape, paper)
    size, line = random.uniform(0.3, 1), 30.0
    while line < height:
        letters = "".join(random.choice(_LETTERS, random.integers(5, 80)))
        if random.random() < 0.85:
            _write(picture, letters, (int(random.integers(5, 40)), int(line)), size, ink, random)
        if random.random() < 0.05:
            corner = (int(width * random.random()), int(line + random.integers(20, 120)))
            cv2.rectangle(picture, (20, int(line)), corner, random.random(), -1)
        line += random.uniform(30, 45) * size
    return picture


def _chart(random: np.random.Generator, shape: Shape) -> Floats:
    """Axes with curves, bars or dots."""
    height, width = shape
    paper, ink = (1.0, 0.0) if random.random() < 0.7 else (0.0, 1.0)
    picture = np.full(shape, paper)
    left, top, right, bottom = (
        int(v) for v in (0.1 * width, 0.1 * height, 0.95 * width, 0.9 * height)
    )
    cv2.rectangle(picture, (left, top), (right, bottom), ink, 1)
    for tick in range(8):
        at = (2, top + (bottom - top) * tick // 8)
        _write(picture, f"{tick / 8:.2f}", at, 0.35, ink, random)
    form = random.integers(3)
    if form == 0:
        across = np.linspace(left, right, 100)
        for _ in range(int(random.integers(1, 4))):
            down = top + (bottom - top) * _stretched(np.cumsum(random.normal(size=100)))
            points = np.stack([across, down], axis=1).astype(np.int32)
            cv2.polylines(picture, [points], False, 0.8 * ink + 0.1, int(random.integers(1, 4)))
    elif form == 1:
        for x in np.linspace(left, right, int(random.integers(4, 30)), endpoint=False):
            high = (int(x), int(bottom - (bottom - top) * random.random()))
            cv2.rectangle(picture, high, (int(x) + 9, bottom), random.uniform(0.2, 0.8), -1)
    else:
        for x, y in random.integers((left, top), (right, bottom), (200, 2)):
            cv2.circle(picture, (int(x), int(y)), 3, ink, -1)
    return picture


def _write(
    picture: Floats, letters: str, at: tuple[int, int], size: float, ink: float,
    random: np.random.Generator,
) -> None:  # fmt: skip
    mask = np.zeros(picture.shape, np.uint8)
    thickness = 1 + int(random.random() < 0.3)
    cv2.putText(mask, letters, at, int(random.choice(_FONTS)), float(size), 255, thickness)
    picture += (ink - picture) * (mask / 255)


def _stripes(random: np.random.Generator, shape: Shape) -> Floats:
    """Stripes or squares, sharp or soft."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle, pace = random.uniform(0, np.pi), random.uniform(0.01, 0.3)
    along = np.sin(pace * (x * np.cos(angle) + y * np.sin(angle)))
    across = np.sin(pace * random.uniform(0.3, 1) * (y * np.cos(angle) - x * np.sin(angle)))
    waves = along if random.random() < 0.5 else along * across
    forms = waves if random.random() < 0.5 else np.sign(waves)
    return _stretched(forms + random.uniform(0, 0.5) * _clouds(random, shape, 1))


def _gradient(random: np.random.Generator, shape: Shape) -> Floats:
    """Grey that rises to one side or away from a point."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    angle = random.uniform(0, 2 * np.pi)
    plane = x * np.cos(angle) + y * np.sin(angle)
    bowl = np.hypot(x - shape[1] * random.random(), y - shape[0] * random.random())
    rising = plane if random.random() < 0.5 else bowl
    return np.asarray(_stretched(rising) ** random.uniform(0.5, 2))


def _noise(random: np.random.Generator, shape: Shape) -> Floats:
    """Uniform, Gaussian or black and white, some of it blurred."""
    form = random.integers(3)
    grains: NDArray[Any]
    if form == 0:
        grains = random.random(shape)
    elif form == 1:
        grains = random.normal(0.5, 0.15, shape)
    else:
        grains = (random.random(shape) < random.random()).astype(np.float64)
    if random.random() < 0.3:
        grains = cv2.GaussianBlur(grains, (0, 0), float(random.uniform(0.5, 6)))
    return np.asarray(grains)


def _blank(random: np.random.Generator, shape: Shape) -> Floats:
    """One grey, or a trace of noise on it."""
    return np.asarray(random.random() + random.normal(0, random.choice([0, 0.002, 0.01]), shape))


def _stretched(values: Floats) -> Floats:
    low, high = np.percentile(values, (0.5, 99.5))
    return np.asarray(np.clip((values - low) / max(high - low, 1e-6), 0, 1))


NON_RADIOGRAPHS: Mapping[str, Callable[[np.random.Generator, Shape], Floats]] = MappingProxyType(
    {
        "scene of shapes": _scene,
        "slice of ellipses": _slice,
        "clouds": _cloud,
        "page of text": _page,
        "chart": _chart,
        "stripes": _stripes,
        "noise": _noise,
        "gradient": _gradient,
        "blank": _blank,
    }
)
"""What can be made."""
