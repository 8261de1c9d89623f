"""Images on disk, many to a file, each file written whole and never changed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fractura.atomic_write import write_whole

Image = NDArray[np.uint8]
Outline = NDArray[np.float32]
"""Corners ``[n, 2]`` (x, y) of a fracture, in pixels of its image."""


@dataclass(frozen=True, eq=False)
class Resized:
    """An image, uint8 ``[h, w]``, the source's height and width, and a phantom's outlines."""

    image: Image
    source: tuple[int, int]
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True, eq=False)
class SegmentPlace:
    """In which file an image lies; height and width of it and of its source; its outlines."""

    file: Path
    size: tuple[int, int]
    source: tuple[int, int]
    outlines: tuple[Outline, ...]


def write_segment(folder: Path, images: Mapping[str, Resized]) -> None:
    """Write images by key into a new file.

    Raises:
        SaveError: the folder is not writable or full; nothing is left behind.
    """
    facts = {
        key: json.dumps(
            [image.image.shape, image.source, [outline.tolist() for outline in image.outlines]]
        )
        for key, image in images.items()
    }
    content = save({key: image.image for key, image in images.items()}, facts)
    write_whole(folder / f"{secrets.token_hex(8)}.safetensors", content)


def read_segments(folder: Path) -> dict[str, SegmentPlace]:
    """Where every image of the folder lies, by key; damaged files are passed over."""
    places = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, "np") as file:
                facts = file.metadata() or {}
        except (OSError, SafetensorError):
            continue
        for key, text in facts.items():
            size, source, outlines = json.loads(text)
            arrays = tuple(np.array(outline, dtype=np.float32) for outline in outlines)
            places[key] = SegmentPlace(path, tuple(size), tuple(source), arrays)
    return places


def remove_damaged(folder: Path, places: Mapping[str, SegmentPlace]) -> None:
    """Remove what a killed process left, and files without any of the places."""
    good = {place.file for place in places.values()}
    for path in (*folder.glob("*.safetensors"), *folder.glob(".*.part")):
        if path not in good:
            path.unlink(missing_ok=True)


class Files:
    """Open memory maps, by file; another process opens its own."""

    def __init__(self) -> None:
        self._maps: dict[Path, Any] = {}

    def __reduce__(self) -> tuple[type[Files], tuple[()]]:
        return Files, ()

    def image(self, place: SegmentPlace, key: str) -> Image:
        """A copy of the image, uint8 ``[h, w]``."""
        if place.file not in self._maps:
            self._maps[place.file] = safe_open(place.file, "np")
        image: Image = self._maps[place.file].get_tensor(key)
        return image
