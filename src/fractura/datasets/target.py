"""The class of a record that a task asks for."""

from __future__ import annotations

from fractura.datasets.record import Record

NO_FRACTURE, FRACTURE = "no fracture", "fracture"
NORMAL, ABNORMAL = "normal", "abnormal"
BOXES = ("detection", "multi-task")
"""Tasks that answer with boxes."""
FRACTURES = ("binary-fracture", *BOXES)
"""Tasks that tell whether there is a fracture."""


def target_of(record: Record, task: str) -> str | None:
    """The class of a record; ``None`` where it tells none, or several at once."""
    if task in FRACTURES:
        return {True: FRACTURE, False: NO_FRACTURE, None: None}[record.fractured]
    if task == "abnormality":
        return {True: ABNORMAL, False: NORMAL, None: None}[record.abnormal]
    several = record.regions if task == "region" else record.fracture_types
    return several[0] if len(several) == 1 else None
