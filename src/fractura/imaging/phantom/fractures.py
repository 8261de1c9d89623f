"""Fractures: where they run through a bone and what they do to its thickness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from fractura.imaging.phantom.geometry import (
    Array,
    Bone,
    PixelGrid,
    Point,
    mineral,
    patch,
    radius_at,
    straighten,
)

FractureKind = Literal["transverse", "oblique", "spiral", "comminuted", "greenstick", "displaced"]
KINDS: tuple[FractureKind, ...] = get_args(FractureKind)

_PARTNERS = {"radius": "ulna", "ulna": "radius", "tibia": "fibula", "fibula": "tibia"}


@dataclass(frozen=True)
class Line:
    """One fracture line, the curve ``along = at + slope · d + curl · asin(d / radius) + jag(d)``.

    ``d`` is the distance beside the axis in mm. The gap is ``width`` mm wide across the line and
    takes ``depth`` of the bone in the ray. It is open where ``start <= d <= stop``.
    """

    at: float
    slope: float
    curl: float
    width: float
    depth: float
    start: float
    stop: float
    jag: tuple[float, ...]


@dataclass(frozen=True)
class Fracture:
    """A broken bone: its lines and, where the fragments moved, how far (mm).

    ``shift`` moves the first and the second fragment sideways at the fracture, tapering to none
    at their joints; equal shifts bend the bone without parting it. ``overlap`` is how far the
    fragments ride over each other, a gap where negative. ``zone`` is the distance from the lines
    up to which a reader would draw the fracture.
    """

    kind: FractureKind
    bone: int
    radius: float
    lines: tuple[Line, ...]
    shift: tuple[float, float]
    overlap: float
    zone: float


class _Site(NamedTuple):
    """A place where a bone may break: the bone's number, mm along it, how likely it is chosen."""

    bone: int
    along: float
    weight: float


def draw_fractures(
    bones: tuple[Bone, ...], grid: PixelGrid, kind: FractureKind, rng: np.random.Generator
) -> tuple[Fracture, ...]:
    """One fracture of the given kind, at times two in neighbouring bones, inside the field.

    One that would hide between the centres of the pixels, in a thin bone of a small picture, is
    drawn anew.
    """
    while True:
        drawn = [
            _draw(bones[site.bone], site, kind, grid, rng) for site in _choose(bones, grid, rng)
        ]
        seen = tuple(each for each in drawn if _shows(bones[each.bone], each, grid))
        if seen:
            return seen


def _choose(bones: tuple[Bone, ...], grid: PixelGrid, rng: np.random.Generator) -> list[_Site]:
    sites = _sites(bones, grid, rng)
    weights = np.array([site.weight for site in sites])
    first = sites[int(rng.choice(len(sites), p=weights / weights.sum()))]
    chosen = [first]
    if rng.random() < 0.3:
        partner = _PARTNERS.get(bones[first.bone].name)
        reach = 0.15 * bones[first.bone].length
        near = [
            site
            for site in sites
            if bones[site.bone].name == partner and abs(site.along - first.along) < reach
        ]
        chosen += near[:1]
    return chosen


def _sites(bones: tuple[Bone, ...], grid: PixelGrid, rng: np.random.Generator) -> list[_Site]:
    """Places well inside the field, or where there are none the one nearest to that."""
    sites: list[tuple[float, _Site]] = []
    border = 0.05 * max(grid.width, grid.height)
    for number, bone in enumerate(bones):
        radius = bone.shaft / grid.pitch_mm
        parts = (np.arange(12) + rng.uniform(0.2, 0.8)) / 12
        for part in parts[(parts > 0.1) & (parts < 0.93)] if bone.breakable else ():
            x, y = grid.pixel(
                Point(
                    bone.head.x + part * (bone.tail.x - bone.head.x),
                    bone.head.y + part * (bone.tail.y - bone.head.y),
                )
            )
            to_edge = min(x, grid.width - x, y, grid.height - y)
            missing = 1.2 * radius + border - to_edge
            weight = bone.breakable * float(np.clip(radius / 3 - 0.5, 0.02, 1))
            sites.append((missing, _Site(number, float(part * bone.length), weight)))
    inside = [site for missing, site in sites if missing < 0]
    return inside or [min(sites)[1]]


def _draw(
    bone: Bone, site: _Site, kind: FractureKind, grid: PixelGrid, rng: np.random.Generator
) -> Fracture:
    outer, _, _ = radius_at(bone, np.array([site.along], np.float32))
    radius = float(outer[0])
    sign = float(rng.choice((-1.0, 1.0)))
    gap = max(rng.uniform(0.6, 1.4), rng.uniform(0.9, 1.3) * grid.pitch_mm)
    depth = rng.uniform(0.55, 0.95)

    def line(
        at: float = 0.0,
        slope: float = 0.0,
        curl: float = 0.0,
        strength: float = 1.0,
        start: float = -1e3,
        stop: float = 1e3,
    ) -> Line:
        rough = rng.normal(0, min(0.12 * radius, 1.5 if kind == "displaced" else 0.9), 13)
        width, taken = gap * rng.uniform(0.8, 1.2), depth * strength
        course = (site.along + at, slope, curl)
        return Line(*course, width, taken, start, stop, tuple(rough.tolist()))

    shift, overlap, zone = (0.0, 0.0), 0.0, min(rng.uniform(0.5, 1.0) * radius, 14)
    if kind == "transverse":
        lines = [line(slope=rng.normal(0, 0.12))]
    elif kind == "oblique":
        lines = [line(slope=sign * np.tan(np.radians(rng.uniform(30, 55))))]
        zone *= 0.6
    elif kind == "spiral":
        reach = radius * rng.uniform(0.8, 1.4)
        lines = [
            line(slope=sign * 0.3, curl=sign * reach / 1.57),
            line(slope=-sign * 0.3, curl=-sign * reach / 1.57, strength=0.5),
        ]
        zone *= 0.5
    elif kind == "comminuted":
        wide = radius * rng.uniform(0.4, 0.8)
        lines = [
            line(at=-wide, slope=sign * rng.uniform(0.2, 0.6)),
            line(at=wide, slope=-sign * rng.uniform(0.2, 0.6)),
            line(slope=sign * rng.uniform(-0.3, 0.3), strength=0.8),
            line(slope=sign * rng.uniform(0.8, 1.5), strength=0.7),
        ]
        bend = sign * radius * rng.uniform(0, 0.3)
        shift = (bend, bend + rng.normal(0, 0.12 * radius))
        zone *= 0.6
    elif kind == "greenstick":
        reach = radius * rng.uniform(-0.1, 0.5)
        side = (-1e3, reach) if sign > 0 else (-reach, 1e3)
        lines = [line(slope=rng.normal(0, 0.25), start=side[0], stop=side[1])]
        bend = sign * radius * rng.uniform(0.15, 0.5)
        shift = (-bend, -bend)
    else:
        lines = [line(slope=rng.normal(0, 0.5))]
        first, second = rng.uniform(0.0, 0.4), rng.uniform(0.3, 1.1)
        shift = (-sign * first * radius, sign * second * radius)
        overlap = radius * rng.uniform(-0.4, 0.8)
    return Fracture(kind, site.bone, radius, tuple(lines), shift, overlap, max(zone, 2.5))


def _distance(line: Line, radius: float, along: Array, beside: Array) -> Array:
    """Signed mm from a fracture line, across it."""
    part = np.clip(beside / radius, -1, 1)
    knots = np.linspace(-1.2, 1.2, len(line.jag)) * radius
    course = line.at + line.slope * beside + line.curl * np.arcsin(part)
    course = course + np.interp(beside, knots, line.jag)
    steep = line.slope + line.curl / (radius * np.sqrt(np.maximum(1 - part * part, 0.1)))
    return np.asarray((along - course) / np.sqrt(1 + steep * steep), np.float32)


def whole_bone(grid: PixelGrid, bone: Bone, texture: Array) -> tuple[NDArray[np.intp], Array]:
    """Flat pixel indices near the bone, and its mm of solid bone there."""
    index, along, beside = patch(grid, bone.head, bone.tail, bone.reach + abs(bone.bow) + 1)
    along, beside = straighten(bone, along, beside)
    return index, mineral(bone, along, beside, texture)


def broken_bone(
    grid: PixelGrid, bone: Bone, fracture: Fracture, texture: Array
) -> tuple[NDArray[np.intp], Array, NDArray[np.bool_]]:
    """Flat pixel indices near the bone, its mm of solid bone there, and the fracture's mask."""
    moved = max(abs(fracture.shift[0]), abs(fracture.shift[1]))
    reach = bone.reach + abs(bone.bow) + moved + 1
    index, along, beside = patch(grid, bone.head, bone.tail, reach)
    along, beside = straighten(bone, along, beside)
    at = fracture.lines[0].at
    from_head = np.clip(along / at, 0, 1)
    from_tail = np.clip((bone.length - along) / (bone.length - at), 0, 1)
    if fracture.shift[0] == fracture.shift[1]:
        bent = beside - fracture.shift[0] * np.minimum(from_head, from_tail)
        solid = mineral(bone, along, bent, texture)
        mask = _crack(bone, fracture, along, bent, solid)
        return index, solid, mask
    total, masks = np.zeros_like(along), np.zeros(along.shape, np.bool_)
    ride = max(fracture.overlap, 0) / 2
    for side, shift, taper in zip((1, -1), fracture.shift, (from_head, from_tail), strict=True):
        own = beside - shift * taper
        beyond = side * _distance(fracture.lines[0], fracture.radius, along, own)
        kept = np.clip((fracture.overlap / 2 - beyond) / grid.pitch_mm + 0.5, 0, 1)
        solid = mineral(bone, along, own, texture)
        if fracture.kind == "comminuted":
            masks |= _crack(bone, fracture, along, own, solid) & (kept > 0)
        end = (beyond > -fracture.zone - ride) & (beyond < ride + grid.pitch_mm)
        masks |= end & _within(bone, along, own)
        total += kept * solid
    return index, total, masks


def _shows(bone: Bone, fracture: Fracture, grid: PixelGrid) -> bool:
    """Whether a pixel of its mask loses or gains a twentieth of the bone's thickness or more."""
    smooth = np.zeros((1, 1), np.float32)
    index, broken, mask = broken_bone(grid, bone, fracture, smooth)
    if not mask.any():
        return False
    whole = np.zeros(grid.height * grid.width, np.float32)
    pixels, solid = whole_bone(grid, bone, smooth)
    whole[pixels] = solid
    return bool(np.abs(broken - whole[index])[mask].max() > 0.05 * solid.max())


def _within(bone: Bone, along: Array, beside: Array) -> NDArray[np.bool_]:
    """Inside the bone's outline or up to 1.2 mm beside it."""
    return np.asarray(np.abs(beside) < radius_at(bone, along)[0] + np.float32(1.2))


def _crack(
    bone: Bone, fracture: Fracture, along: Array, beside: Array, solid: Array
) -> NDArray[np.bool_]:
    """Takes the fracture's lines out of ``solid``, in place, and returns their mask."""
    mask = np.zeros(along.shape, np.bool_)
    for line in fracture.lines:
        far = _distance(line, fracture.radius, along, beside)
        near = np.abs(far) < fracture.zone
        gap = near & (beside >= line.start) & (beside <= line.stop)
        solid *= 1 - gap * line.depth * np.exp(-((2 * far / line.width) ** 2))
        mask |= near
    return mask & _within(bone, along, beside)
