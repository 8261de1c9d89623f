"""Exact duplicates: files of one content, and files that decode to the same pixels."""

from __future__ import annotations

from collections.abc import Sequence

from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.grouping import alike
from fractura.datasets.record import Record


def identical_files(records: Sequence[Record], found: Sequence[Examination]) -> list[list[int]]:
    """Groups of two or more positions whose files have the same SHA-256; empty files aside."""
    return alike(records, lambda position: _digest(found[position]))


def identical_pixels(records: Sequence[Record], found: Sequence[Examination]) -> list[list[int]]:
    """Groups of two or more positions whose files decode to the same grey values."""
    return alike(records, lambda position: found[position].pixels_sha256 or None)


def _digest(examination: Examination) -> str | None:
    return examination.sha256 if examination.size else None
