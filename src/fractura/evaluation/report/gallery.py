"""The section with the worst errors as pictures."""

from __future__ import annotations

from pathlib import Path

from fractura.datasets.report.page import data_uri, plural
from fractura.evaluation.report.section import Exhibit, Section
from fractura.evaluation.report.subject import Subject
from fractura.evaluation.report.table_cells import (
    number,
    value_of,
)

PICTURE_BYTES = 16_000_000
"""Pictures of a page together, as files; later ones are left out."""
_PNG = b"\x89PNG\r\n\x1a\n"


def gallery(subject: Subject) -> Section | None:
    """The worst errors as pictures."""
    found = subject.split.gallery
    if not found:
        return None
    exhibits, left = [], PICTURE_BYTES
    for one in found:
        data = _picture(subject.pictures, one.get("file"), left)
        left -= len(data or b"")
        probability = value_of(one.get("probability"))
        facts = [] if one.get("label") is None else [f"label: {one['label']}"]
        facts += [] if probability is None else [f"probability {number(probability)}"]
        exhibits.append(
            Exhibit(
                str(one["kind"]),
                str(one["id"]),
                ". ".join(str(one[key]) for key in ("caption", "note") if one.get(key)),
                ", ".join(facts),
                data_uri(data, "image/png") if data else None,
            )
        )
    shown = sum(one.uri is not None for one in exhibits)
    text = f"The worst of {subject.counted}: not a sample."
    if shown:
        text = (
            f"This page contains {plural(shown, 'radiograph')}: pass it on only where you may "
            f"pass them on. {text}"
        )
    return Section("Error gallery", (text,), exhibits=tuple(exhibits))


def _picture(folder: Path | None, name: object, limit: int) -> bytes | None:
    """A PNG of the gallery; nothing if it lies outside the folder, is no PNG or too large."""
    if folder is None or not isinstance(name, str):
        return None
    try:
        file = (folder / name).resolve()
        if not file.is_relative_to(folder.resolve()) or file.stat().st_size > limit:
            return None
        data = file.read_bytes()
    except (OSError, ValueError):
        return None
    return data if data.startswith(_PNG) else None
