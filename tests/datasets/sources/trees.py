"""What the tests of the adapters share: folders of phantoms, and reading them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from fractura.datasets.record import Dropped, Record, Remark
from fractura.datasets.sources.source import Options, Source
from fractura.imaging.phantom import make_phantom
from fractura.imaging.save import to_16_bit

WIDTH, HEIGHT = 96, 128


def draw(path: Path, seed: int = 0) -> Path:
    """A phantom of 96 by 128 pixels, 16 bit as PNG and 8 bit as JPEG, folders made on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = to_16_bit(make_phantom(seed, width=WIDTH, height=HEIGHT).radiograph.pixels)
    stored = pixels if path.suffix == ".png" else (pixels >> 8).astype("uint8")
    assert cv2.imwrite(str(path), stored)
    return path


def read(
    source: Source, folder: Path, **said: Any
) -> tuple[dict[str, Record], dict[str, list[str]]]:
    """The records by id, without the source's name, and what was dropped for each reason."""
    options = Options(source.name, **said)
    records: dict[str, Record] = {}
    dropped: dict[str, list[str]] = {}
    items = list(source.read(folder, options))
    assert list(source.read(folder, options)) == items
    for item in items:
        if isinstance(item, Remark):
            continue
        if isinstance(item, Dropped):
            dropped.setdefault(item.reason, []).append(item.what)
        else:
            name = item.id.removeprefix(f"{source.name}/")
            assert name not in records
            assert item.source == source.name
            assert item.path.is_file()
            records[name] = item
    return records, dropped


def remarks(source: Source, folder: Path, **said: Any) -> list[str]:
    """How the source's words were understood."""
    items = source.read(folder, Options(source.name, **said))
    return [item.text for item in items if isinstance(item, Remark)]
