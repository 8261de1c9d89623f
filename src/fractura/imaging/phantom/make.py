"""From a seed to a phantom."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fractura.findings import Box
from fractura.imaging.phantom.anatomy import draw_anatomy
from fractura.imaging.phantom.exposure import expose
from fractura.imaging.phantom.fractures import KINDS, FractureKind, draw_fractures
from fractura.imaging.phantom.geometry import PixelGrid, place
from fractura.imaging.phantom.projection import Projection, project
from fractura.imaging.radiograph import Radiograph


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic radiograph and the truth about it.

    Attributes:
        radiograph: float32 ``[H, W]`` in 0..1, bone bright, in steps of 12 bits.
        boxes: the exact extents of the masks, in pixels.
        kinds: the kind of each fracture.
        masks: bool ``[n, H, W]``, what a reader would outline: the fracture lines and the bone
            next to them.
        region: the part of the body, one of ``REGIONS``.
    """

    radiograph: Radiograph
    boxes: tuple[Box, ...]
    kinds: tuple[FractureKind, ...]
    masks: NDArray[np.bool_]
    region: str


def make_phantom(
    seed: int,
    *,
    fracture: FractureKind | Literal["random"] | None = "random",
    width: int = 373,
    height: int = 454,
) -> Phantom:
    """Project a random limb as a radiograph.

    The seed alone decides anatomy, view, exposure and noise; ``fracture`` only adds a fracture of
    the given kind, none, or (``"random"``) one of any kind in half of the seeds. So two phantoms
    of one seed and size differ by their fracture alone.

    Args:
        seed: any non-negative integer.
        fracture: one of ``KINDS``, ``None`` or ``"random"``.
        width: pixels, at least 64. The limb lies across where it exceeds ``height``.
        height: pixels, at least 64.

    Raises:
        ValueError: the seed, the size or the kind of fracture is none of the above.
    """
    if seed < 0:
        raise ValueError(f"A phantom's seed is 0 or more, not {seed}.")
    if min(width, height) < 64:
        raise ValueError(f"A phantom is at least 64 x 64 pixels, not {width} x {height}.")
    if fracture not in (None, "random", *KINDS):
        raise ValueError(f"Unknown fracture {fracture!r}; choose one of {', '.join(KINDS)}.")
    body, injury, beam, grain = (
        np.random.Generator(np.random.PCG64(child))
        for child in np.random.SeedSequence(seed).spawn(4)
    )
    region, projection = draw_projection(body, injury, fracture, width, height)
    pixels = expose(projection, beam, grain)
    pixels = np.ascontiguousarray(np.round(pixels * 4095) / 4095, np.float32)
    return Phantom(
        radiograph=Radiograph(
            pixels=pixels,
            sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
            spacing_mm=(projection.pitch_mm, projection.pitch_mm),
            bits=12,
        ),
        boxes=tuple(_extent(mask) for mask in projection.masks),
        kinds=projection.kinds,
        masks=projection.masks,
        region=region,
    )


def draw_projection(
    body: np.random.Generator,
    injury: np.random.Generator,
    fracture: FractureKind | Literal["random"] | None,
    width: int,
    height: int,
) -> tuple[str, Projection]:
    """The region and what the beam crosses, before any exposure."""
    grid = PixelGrid(height, width, body.uniform(0.62, 0.95) * 454 / max(height, width))
    anatomy, centre = draw_anatomy(body)
    degrees = body.choice((0.0, 180.0), p=(0.75, 0.25)) + body.normal(0, 8)
    anatomy = place(anatomy, centre, degrees + (90 if width > height else 0))
    mirrored = bool(body.random() < 0.5)

    broken = bool(injury.random() < 0.5)
    drawn: FractureKind = KINDS[int(injury.integers(len(KINDS)))]
    kind = fracture if fracture != "random" else drawn if broken else None
    fractures = draw_fractures(anatomy.bones, grid, kind, injury) if kind else ()
    projection = project(grid, anatomy, fractures, body)
    return anatomy.region, projection.mirrored() if mirrored else projection


def _extent(mask: NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
