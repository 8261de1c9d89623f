"""Bones and soft tissue as solids of revolution, and the path length of a ray through them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Point(NamedTuple):
    """A place in the detector plane, in mm from the centre of the field; y grows downwards."""

    x: float
    y: float


@dataclass(frozen=True)
class PixelGrid:
    """The detector: its shape in pixels and the pitch of its pixels in mm."""

    height: int
    width: int
    pitch_mm: float

    def pixel(self, point: Point) -> Point:
        """Continuous pixel coordinates of a place given in mm."""
        return Point(
            point.x / self.pitch_mm + self.width / 2, point.y / self.pitch_mm + self.height / 2
        )


@dataclass(frozen=True)
class Bone:
    """A long or short bone between two joint surfaces; all lengths in mm.

    ``shaft``, ``head_radius`` and ``tail_radius`` are radii: in the middle, at the first and at
    the second end. ``bow`` is how far the shaft bends sideways, ``depth`` the ratio of its
    thickness along the beam to its width, ``trabecular`` the volume fraction of bone in the
    spongiosa of its ends. A positive ``notch`` hollows a joint surface, a negative one rounds it.
    ``tail_tilt`` makes the second joint surface reach further on one side. ``cap`` is the length
    of the rounded ends in radii. ``plates`` are the distances of open growth plates from the two
    ends, 0 for a closed one. ``fused`` bones belong to the bone before them and do not add to its
    thickness. ``breakable`` weighs how often fractures choose this bone, ``phase`` (0..2π) makes
    its trabeculae its own.
    """

    name: str
    head: Point
    tail: Point
    shaft: float
    head_radius: float
    tail_radius: float
    cortex: float
    bow: float = 0.0
    depth: float = 1.0
    head_notch: float = 0.0
    tail_notch: float = 0.0
    tail_tilt: float = 0.0
    cap: float = 0.75
    trabecular: float = 0.19
    plates: tuple[float, float] = (0.0, 0.0)
    fused: bool = False
    breakable: float = 0.0
    phase: float = 0.0

    @property
    def length(self) -> float:
        """Between its ends, in millimetres."""
        return float(np.hypot(self.tail.x - self.head.x, self.tail.y - self.head.y))

    @property
    def reach(self) -> float:
        """Half of the largest width, in millimetres."""
        return max(self.shaft, self.head_radius, self.tail_radius)


@dataclass(frozen=True)
class Flesh:
    """Soft tissue around the line from ``head`` to ``tail``: two radii and a belly between (mm).

    ``depth`` is the ratio of its thickness along the beam to its width; a ``cast`` may enclose it.
    """

    head: Point
    tail: Point
    head_radius: float
    tail_radius: float
    belly: float = 0.0
    depth: float = 0.85
    cast: bool = False


@dataclass(frozen=True)
class Anatomy:
    """Everything that stands in the beam; ``region`` names it; ``cast`` is its plaster in mm."""

    region: str
    bones: tuple[Bone, ...]
    flesh: tuple[Flesh, ...]
    cast: float = 0.0


def place(anatomy: Anatomy, centre: Point, degrees: float) -> Anatomy:
    """The anatomy moved so that ``centre`` lies in the middle of the field, and turned about it."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def move(point: Point) -> Point:
        x, y = point.x - centre.x, point.y - centre.y
        return Point(float(cos * x - sin * y), float(sin * x + cos * y))

    return replace(
        anatomy,
        bones=tuple(replace(b, head=move(b.head), tail=move(b.tail)) for b in anatomy.bones),
        flesh=tuple(replace(f, head=move(f.head), tail=move(f.tail)) for f in anatomy.flesh),
    )


class Patch(NamedTuple):
    """The detector pixels near a line: flat indices, mm along it from its head, mm beside it."""

    pixels: NDArray[np.intp]
    along: Array
    beside: Array


def patch(grid: PixelGrid, head: Point, tail: Point, reach: float) -> Patch:
    """Pixels within ``reach`` mm of the line from ``head`` to ``tail``."""
    a, b = grid.pixel(head), grid.pixel(tail)
    pad = reach / grid.pitch_mm + 1
    x0, x1 = np.clip([min(a.x, b.x) - pad, max(a.x, b.x) + pad], 0, grid.width).astype(int)
    y0, y1 = np.clip([min(a.y, b.y) - pad, max(a.y, b.y) + pad], 0, grid.height).astype(int)
    x = (np.arange(x0, x1, dtype=np.float32) + np.float32(0.5 - a.x)) * np.float32(grid.pitch_mm)
    y = (np.arange(y0, y1, dtype=np.float32) + np.float32(0.5 - a.y)) * np.float32(grid.pitch_mm)
    length = np.hypot(tail.x - head.x, tail.y - head.y)
    ux, uy = np.float32((tail.x - head.x) / length), np.float32((tail.y - head.y) / length)
    along = x[None, :] * ux + y[:, None] * uy
    beside = y[:, None] * ux - x[None, :] * uy
    near = (np.abs(beside) <= reach) & (along >= -reach) & (along <= length + reach)
    rows, columns = np.nonzero(near)
    index = (rows + y0) * grid.width + columns + x0
    return Patch(index, along[near], beside[near])


def radius_at(bone: Bone, along: Array) -> tuple[Array, Array, Array]:
    """Outer radius, inner radius and trabecular fraction at distances ``along`` the bone (mm)."""
    length = bone.length
    s = np.linspace(0, length, max(64, int(length * 2)), dtype=np.float32)
    head = np.exp(-((s / (1.5 * bone.head_radius + 0.04 * length)) ** 1.7))
    tail = np.exp(-(((length - s) / (1.5 * bone.tail_radius + 0.04 * length)) ** 1.7))
    outer = (
        bone.shaft + (bone.head_radius - bone.shaft) * head + (bone.tail_radius - bone.shaft) * tail
    )
    for distance, radius in ((s, bone.head_radius), (length - s, bone.tail_radius)):
        cap = min(bone.cap * radius, length / 2)
        sink = np.clip(1 - distance / cap, 0, 1)
        outer = outer * (1 - sink**2.4) ** (1 / 2.4)
    end = np.maximum(head, tail)
    nearest = np.minimum(
        s / (bone.head_radius + 0.1 * length), (length - s) / (bone.tail_radius + 0.1 * length)
    )
    thinning = np.exp(-((nearest / 1.3) ** 1.5))
    wall = np.minimum(bone.cortex * (1 - 0.85 * thinning) + 0.3, 0.9 * outer)
    fraction = bone.trabecular * (0.08 + 0.92 * end)
    return (
        np.interp(along, s, outer, left=0, right=0).astype(np.float32),
        np.interp(along, s, outer - wall, left=0, right=0).astype(np.float32),
        np.interp(along, s, fraction).astype(np.float32),
    )


def chord(radius: Array, beside: Array) -> Array:
    """Path length of a ray through a cylinder at ``beside`` mm from its axis: 2 sqrt(r² - d²)."""
    return 2 * np.sqrt(np.maximum(radius * radius - beside * beside, 0))


def straighten(bone: Bone, along: Array, beside: Array) -> tuple[Array, Array]:
    """Coordinates in which the bowed bone is straight and its joint surfaces are flat."""
    t = np.clip(along / bone.length, 0, 1)
    beside = beside - np.float32(4 * bone.bow) * t * (1 - t)
    shape = np.cos(np.float32(np.pi) * np.clip(beside / bone.reach, -1, 1))
    near_head = np.clip(1 - along / (2 * bone.head_radius), 0, 1)
    near_tail = np.clip(1 - (bone.length - along) / (2 * bone.tail_radius), 0, 1)
    slant = bone.tail_notch * shape - bone.tail_tilt * beside / np.float32(bone.reach)
    along = along - bone.head_notch * shape * near_head + slant * near_tail
    return along, beside


def mineral(bone: Bone, along: Array, beside: Array, texture: Array) -> Array:
    """Millimetres of solid bone along the ray, at straightened coordinates.

    ``texture`` is ``[R, C]``, mean 0, standard deviation 1, two samples a mm: the trabeculae.
    """
    outer, inner, fraction = radius_at(bone, along)
    hollow = chord(inner, beside)
    rows = (along * 2 + bone.phase * 97).astype(np.int32) % texture.shape[0]
    columns = (beside * 2 + bone.phase * 41).astype(np.int32) % texture.shape[1]
    spongy = fraction * np.maximum(1 + 2 * fraction * texture[rows, columns], 0)
    solid = chord(outer, beside) - hollow + spongy * hollow
    for distance, at in ((along, bone.plates[0]), (bone.length - along, bone.plates[1])):
        if at:
            wave = at + 0.5 * np.sin(beside * np.float32(0.7) + bone.phase)
            off = (distance - wave) / np.float32(0.9)
            solid = solid * (1 - 0.8 * np.exp(-(off**2)) + 0.25 * np.exp(-((off - 2.2) ** 2)))
    flat = (bone.shaft / np.maximum(outer, bone.shaft)) ** np.float32(0.4)
    return np.asarray(bone.depth * flat * solid, np.float32)


def _squares(grid: PixelGrid, flesh: Flesh, grown: float) -> tuple[NDArray[np.intp], Array, Array]:
    """Pixels inside a piece of soft tissue and the squared half thickness there (mm²).

    The second is that of the muscle in it, inside a rim of fat. ``grown`` widens all radii (mm)
    and cuts the round ends off, as a sleeve's are.
    """
    reach = max(flesh.head_radius, flesh.tail_radius) + max(flesh.belly, 0) + grown
    index, along, beside = patch(grid, flesh.head, flesh.tail, reach)
    length = float(np.hypot(flesh.tail.x - flesh.head.x, flesh.tail.y - flesh.head.y))
    t = np.clip(along / length, 0, 1)
    radius = flesh.head_radius + (flesh.tail_radius - flesh.head_radius) * t + grown
    radius = radius + flesh.belly * np.sin(np.float32(np.pi) * t)
    over = (along - t * length) * (1e3 if grown else 1)
    whole = np.maximum(radius * radius - beside * beside - over * over, 0)
    muscle = np.maximum(whole - np.float32(0.2) * radius * radius, 0)
    return index, flesh.depth**2 * whole, flesh.depth**2 * muscle


def flesh_thickness(
    grid: PixelGrid, pieces: tuple[Flesh, ...], grown: float = 0.0
) -> tuple[Array, Array]:
    """Millimetres of soft tissue (bone included) along each ray, and of the muscle in it.

    Both are float32 ``[H, W]``. Pieces join as the sixth norm of their squared half thicknesses,
    a smooth union.
    """
    totals = np.zeros((2, grid.height * grid.width), np.float32)
    for piece in pieces:
        index, *squares = _squares(grid, piece, grown)
        for total, square in zip(totals, squares, strict=True):
            total[index] += (square / np.float32(100)) ** 3
    whole, muscle = 20 * totals.reshape(2, grid.height, grid.width) ** np.float32(1 / 6)
    return whole, muscle
