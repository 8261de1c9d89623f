"""``fractura demo``: read synthetic radiographs and compare with the truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fractura.cli.terminal import NOTICE, show
from fractura.imaging.files import PICTURES_MARK
from fractura.progress import with_progress

if TYPE_CHECKING:
    from fractura.findings import Reading
    from fractura.imaging.phantom import Phantom
    from fractura.reading.reader import Reader

_ROW = "{:<18}  {:<34}  {:<13}  {:>11}  {}"
_COLOURS = {"right": "green", "uncertain": "yellow", "wrong": "red", "not evaluated": "yellow"}


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", file_okay=False, help="Where to write.")
    ] = Path("fractura-demo"),
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many radiographs.")] = 8,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Seed of the first. The model was trained on some phantoms of seeds below 1000.",
        ),
    ] = 1000,
) -> None:
    """Make synthetic radiographs, every other one fractured, read them, show the truth beside.

    \b
    fractura demo
    fractura demo --count 20 --seed 100 --out demo/
    """
    from fractura.imaging.phantom import KINDS, make_phantom
    from fractura.reading.reader import Reader

    phantoms, pictures = out / "phantoms", out / "pictures"
    phantoms.mkdir(parents=True, exist_ok=True)
    pictures.mkdir(exist_ok=True)
    (pictures / PICTURES_MARK).touch()
    reader = Reader()
    outcomes: Counter[str] = Counter()
    show(_ROW.format("PHANTOM", "TRUTH", "READING", "PROBABILITY", "FRACTURES FOUND"))
    for number in with_progress(range(count), count, "Reading"):
        kind = None if number % 2 else KINDS[number // 2 % len(KINDS)]
        made = make_phantom(seed + number, fracture=kind)
        name = f"phantom-{seed + number:06}.png"
        reading = _read(made, reader, phantoms / name, pictures / name)
        outcome = _outcome(reading, made)
        outcomes[outcome] += 1
        row = _ROW.format(
            name,
            f"{made.kinds[0] if made.kinds else 'no'} fracture, {made.region}",
            reading.decision,
            f"{reading.probability:.2f}",
            _found(made, reading),
        )
        show(row, _COLOURS[outcome])
    told = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in _COLOURS)
    show(f"\nOf {count} readings: {told}.")
    show(f"Radiographs: {phantoms}. Truth beside reading: {pictures}.")
    show(NOTICE)


def _outcome(reading: Reading, made: Phantom) -> str:
    if reading.decision not in ("fracture", "no fracture"):
        return reading.decision
    return "right" if reading.decision == _truth(made).decision else "wrong"


def _read(made: Phantom, reader: Reader, radiograph_path: Path, picture_path: Path) -> Reading:
    """Save the phantom, read the file, draw the truth beside the reading."""
    from fractura.batch.pictures import draw_reading
    from fractura.imaging.draw import overlay, side_by_side
    from fractura.imaging.load import load
    from fractura.imaging.save import save_png, to_16_bit

    save_png(radiograph_path, to_16_bit(made.radiograph.pixels))
    radiograph = load(radiograph_path)
    reading = reader.read(radiograph)
    panels = [
        overlay(radiograph, _truth(made)),
        draw_reading(radiograph, reading, reader.description.operating_points),
    ]
    save_png(picture_path, side_by_side(panels, ["truth", "reading"]))
    return reading


def _truth(made: Phantom) -> Reading:
    """What a reader that knows all would say."""
    from fractura.findings import Finding, Reading

    return Reading(
        path=None,
        sha256=made.radiograph.sha256,
        model="truth",
        width=made.radiograph.width,
        height=made.radiograph.height,
        probability=float(bool(made.boxes)),
        decision="fracture" if made.boxes else "no fracture",
        findings=tuple(
            Finding(kind, 1.0, box) for kind, box in zip(made.kinds, made.boxes, strict=True)
        ),
        region=made.region,
        region_probability=1.0,
    )


def _found(made: Phantom, reading: Reading) -> str:
    """How many true boxes hold the centre of a finding."""
    centres = [
        ((found.box.x_min + found.box.x_max) / 2, (found.box.y_min + found.box.y_max) / 2)
        for found in reading.findings
    ]
    hit = sum(
        any(box.x_min <= x <= box.x_max and box.y_min <= y <= box.y_max for x, y in centres)
        for box in made.boxes
    )
    return f"{hit} of {len(made.boxes)}" if made.boxes else ""
