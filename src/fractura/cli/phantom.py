"""``fractura phantom``: make synthetic radiographs with known fractures."""

from __future__ import annotations

import io
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractura.cli.terminal import show
from fractura.progress import with_progress
from fractura.spreadsheet import write_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fractura.imaging.phantom import Phantom


class Wanted(StrEnum):
    """Which fracture the phantoms get; ``random`` gives one to half of them."""

    random = "random"
    none = "none"
    transverse = "transverse"
    oblique = "oblique"
    spiral = "spiral"
    comminuted = "comminuted"
    greenstick = "greenstick"
    displaced = "displaced"


def phantom(
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many.")] = 10,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Seed of the first; the others count up.")
    ] = 0,
    fracture: Annotated[
        Wanted, typer.Option(help="Kind of fracture; random leaves half of them whole.")
    ] = Wanted.random,
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Where to write.")
    ] = Path("fractura-phantoms"),
) -> None:
    """Make synthetic radiographs with known fractures, for tests and teaching.

    Writes images/ (16-bit PNG), annotations.json (COCO: boxes and run-length masks) and labels.csv.
    One seed always gives the same image.

    \b
    fractura phantom
    fractura phantom --count 100 --fracture spiral --out phantoms/
    """
    from fractura.atomic_write import write_whole
    from fractura.imaging.phantom import make_phantom
    from fractura.imaging.save import save_png, to_16_bit
    from fractura.version import __version__

    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    (out / "images").mkdir(parents=True, exist_ok=True)
    for number in with_progress(range(seed, seed + count), count, "Making"):
        made = make_phantom(number, fracture=wanted_kind(fracture))
        name = f"phantom-{number:06}.png"
        save_png(out / "images" / name, to_16_bit(made.radiograph.pixels))
        images.append(
            {
                "id": number,
                "file_name": name,
                "width": made.radiograph.width,
                "height": made.radiograph.height,
            }
        )
        annotations += _annotations(made, number, first=len(annotations) + 1)
        labels.append(_label(made, number, name))
    coco = {
        "info": {"description": "Synthetic radiographs", "version": f"fractura {__version__}"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "fracture"}],
    }
    write_whole(out / "annotations.json", json.dumps(coco).encode())
    table = io.StringIO()
    write_rows(table, [list(labels[0]), *(label.values() for label in labels)], ending="\r\n")
    write_whole(out / "labels.csv", table.getvalue().encode())
    broken = sum(label["fractured"] for label in labels)
    show(
        f"{count} phantoms, {broken} with a fracture, are in {out}: images/, annotations.json, "
        "labels.csv."
    )


def wanted_kind(wanted: Wanted) -> Any:
    """What :func:`make_phantom` calls it."""
    return None if wanted is Wanted.none else wanted.value


def _annotations(made: Phantom, image: int, first: int) -> list[dict[str, Any]]:
    return [
        {
            "id": first + index,
            "image_id": image,
            "category_id": 1,
            "kind": kind,
            "bbox": [box.x_min, box.y_min, box.width, box.height],
            "area": int(mask.sum()),
            "segmentation": run_lengths(mask),
            "iscrowd": 0,
        }
        for index, (box, kind, mask) in enumerate(
            zip(made.boxes, made.kinds, made.masks, strict=True)
        )
    ]


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's uncompressed run-length encoding: column by column, zeros first."""
    import numpy as np

    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=False))
    counts = np.diff(changes, prepend=0, append=flat.size)
    return {"size": list(mask.shape), "counts": counts.tolist()}


def _label(made: Phantom, seed: int, name: str) -> dict[str, Any]:
    return {
        "file": f"images/{name}",
        "seed": seed,
        "fractured": int(bool(made.boxes)),
        "kinds": " ".join(made.kinds),
        "region": made.region,
    }
