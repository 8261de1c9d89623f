"""Radiographs with one bright rectangle each, and a reader that finds exactly that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fractura.datasets.record import FRACTURE, Annotation, Record
from fractura.evaluation.cases import Boxes, Cases, cluster_numbers, true_boxes
from fractura.findings import Box, Finding, Reading
from fractura.imaging.radiograph import Radiograph
from fractura.imaging.save import save_png

BACKGROUND, SPOT = 51, 230
"""Of 255."""
HEIGHT, WIDTH = 90, 120


def spot_cases(folder: Path, spots: list[tuple[int, int, int, int] | None]) -> Cases:
    """One case for each spot: its corners, or ``None`` for a normal radiograph."""
    records = []
    for index, spot in enumerate(spots):
        pixels = np.full((HEIGHT, WIDTH), BACKGROUND, np.uint8)
        marks: tuple[Annotation, ...] = ()
        if spot is not None:
            x_min, y_min, x_max, y_max = spot
            pixels[y_min:y_max, x_min:x_max] = SPOT
            marks = (Annotation(FRACTURE, Box(*map(float, spot))),)
        path = folder / f"{index}.png"
        save_png(path, pixels)
        label = "no fracture" if spot is None else "fracture"
        records.append(
            Record(id=f"spots/{index}", path=path, source="spots", label=label, annotations=marks)
        )
    return cases_of(records)


def cases_of(records: list[Record]) -> Cases:
    """Cases whose first answers are of no interest here."""
    nothing = Boxes(np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0))
    return Cases(
        model="spots",
        records=tuple(records),
        positive=np.array([record.label == "fracture" for record in records]),
        probability=np.zeros(len(records)),
        clusters=cluster_numbers(records),
        found=nothing,
        truths=true_boxes(records),
    )


def read_spot(radiograph: Radiograph, heatmap: NDArray[np.float32] | None = None) -> Reading:
    """The brightest grey value is the probability; a box is around what is above 0.6."""
    pixels = radiograph.pixels
    bright = pixels > 0.6
    findings: tuple[Finding, ...] = ()
    if bright.any():
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        corners = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        findings = (Finding("fracture", float(pixels.max()), Box(*map(float, corners))),)
    return Reading(
        path=radiograph.path,
        sha256=radiograph.sha256,
        model="spots",
        width=radiograph.width,
        height=radiograph.height,
        probability=float(pixels.max()),
        decision="fracture" if findings else "no fracture",
        findings=findings,
        heatmap=heatmap,
    )
