"""What the beam crosses: millimetres of each material behind every pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from fractura.imaging.phantom.fractures import Fracture, FractureKind, broken_bone, whole_bone
from fractura.imaging.phantom.geometry import (
    Anatomy,
    Array,
    PixelGrid,
    flesh_thickness,
)


@dataclass(frozen=True, eq=False)
class Projection:
    """Path lengths in mm, float32 ``[H, W]``, and the fractures in them.

    ``bone`` is solid bone, ``flesh`` all soft tissue with the bone in it, ``muscle`` the flesh
    inside the fat rim, ``cast`` a plaster as bone of equal attenuation. ``masks`` is bool
    ``[n, H, W]``; ``pitch_mm`` the size of a pixel.
    """

    pitch_mm: float
    bone: Array
    flesh: Array
    muscle: Array
    cast: Array
    masks: NDArray[np.bool_]
    kinds: tuple[FractureKind, ...]

    def mirrored(self) -> Projection:
        """Left and right exchanged."""
        return replace(
            self,
            bone=np.ascontiguousarray(self.bone[:, ::-1]),
            flesh=np.ascontiguousarray(self.flesh[:, ::-1]),
            muscle=np.ascontiguousarray(self.muscle[:, ::-1]),
            cast=np.ascontiguousarray(self.cast[:, ::-1]),
            masks=np.ascontiguousarray(self.masks[:, :, ::-1]),
        )


def project(
    grid: PixelGrid, anatomy: Anatomy, fractures: tuple[Fracture, ...], rng: np.random.Generator
) -> Projection:
    """Add up all bones and soft tissue along parallel rays.

    Fractures that lie outside the field are left out of ``masks`` and ``kinds``.
    """
    texture = _trabeculae(rng)
    broken = {fracture.bone: number for number, fracture in enumerate(fractures)}
    total = np.zeros(grid.height * grid.width, np.float32)
    masks = np.zeros((len(fractures), total.size), np.bool_)
    for number, bone in enumerate(anatomy.bones):
        if number in broken:
            index, solid, mask = broken_bone(grid, bone, fractures[broken[number]], texture)
            masks[broken[number], index] = mask
        else:
            index, solid = whole_bone(grid, bone, texture)
        if bone.fused:
            total[index] = np.maximum(total[index], solid)
        else:
            total[index] += solid
    flesh, muscle = flesh_thickness(grid, anatomy.flesh)
    seen = [number for number, mask in enumerate(masks) if mask.any()]
    return Projection(
        grid.pitch_mm,
        total.reshape(grid.height, grid.width),
        flesh,
        muscle,
        _cast(grid, anatomy, rng),
        masks[seen].reshape(-1, grid.height, grid.width),
        tuple(fractures[number].kind for number in seen),
    )


def _trabeculae(rng: np.random.Generator) -> Array:
    """A pattern for spongiosa: noise stretched along the bone, mean 0, standard deviation 1."""
    grain = rng.standard_normal((512, 256), dtype=np.float32)
    fine = cv2.GaussianBlur(grain, (0, 0), sigmaX=1.0, sigmaY=3.0)
    coarse = cv2.GaussianBlur(grain[::-1], (0, 0), sigmaX=4.0, sigmaY=7.0)
    pattern = fine / fine.std() + 0.4 * coarse / coarse.std()
    return np.asarray((pattern - pattern.mean()) / pattern.std(), np.float32)


def _cast(grid: PixelGrid, anatomy: Anatomy, rng: np.random.Generator) -> Array:
    """The plaster around the limb, mottled."""
    uneven = rng.standard_normal((grid.height // 3 + 1, grid.width // 3 + 1), dtype=np.float32)
    if not anatomy.cast:
        return np.zeros((grid.height, grid.width), np.float32)
    pieces = tuple(piece for piece in anatomy.flesh if piece.cast)
    outer, _ = flesh_thickness(grid, pieces, 3 + anatomy.cast)
    inner, _ = flesh_thickness(grid, pieces, 3)
    size = (grid.width, grid.height)
    mottle = cv2.resize(cv2.GaussianBlur(uneven, (0, 0), 1.0), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(0.25 * (outer - inner) * np.clip(1 + 0.5 * mottle, 0, 2), np.float32)
