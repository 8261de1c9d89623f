"""A made-up reading of a phantom, and marks of people on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from fractura.findings import Box, Finding, Reading
from fractura.imaging.phantom import make_phantom
from fractura.imaging.radiograph import Radiograph
from fractura.reading.calibration import OperatingPoint, OperatingPoints
from fractura.service.store.marks import Mark, MarkKind
from fractura.service.store.queue import QueueEntry

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHA256 = "0a" * 32
ID = "0123456789abcdef0123456789abcdef"
POINTS = OperatingPoints(OperatingPoint(0.1, 0.05), OperatingPoint(0.4, 0.3))
FINDINGS = (
    Finding("fracture", 0.8, Box(20.25, 40.5, 60.75, 90.25)),
    Finding("fracture", 0.1, Box(100.0, 120.0, 140.0, 180.0)),
    Finding("fracture", 0.01, Box(0.0, 0.0, 10.0, 10.0)),
)


def radiograph(width: int = 200, height: int = 240, **changes: Any) -> Radiograph:
    pixels = make_phantom(3, width=width, height=height).radiograph.pixels
    return replace(Radiograph(pixels, SHA256, bits=12), **changes)


def heatmap(width: int = 200, height: int = 240) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Cold on the left, hot on the right."""
    return np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1))


def reading(**changes: Any) -> Reading:
    fields: dict[str, Any] = {
        "path": None,
        "sha256": SHA256,
        "model": "fractura-s 5",
        "width": 200,
        "height": 240,
        "probability": 0.612,
        "decision": "fracture",
        "findings": FINDINGS,
        "region": "leg",
        "region_probability": 0.9,
    }
    return Reading(**{**fields, **changes})


def mark(kind: MarkKind, box: Box | None = None, note: str = "", minute: int = 0) -> Mark:
    made = MADE + timedelta(minutes=minute)
    return Mark(f"{minute:032x}", ID, kind, box, note, "dr-lee", made)


def entry(marked: Reading, **changes: Any) -> QueueEntry:
    """The row of a reading that is done."""
    found = QueueEntry(
        id=ID,
        sha256=marked.sha256,
        frame=None,
        model=marked.model,
        state="done",
        is_dicom=False,
        result=marked.as_dict(),
        error=None,
        attempts=1,
        created_at=MADE,
        finished_at=MADE,
        image_kept=True,
    )
    return replace(found, **changes)
