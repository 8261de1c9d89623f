"""The files of an audit."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from fractura.atomic_write import whole_file, write_whole
from fractura.datasets.audit.duplicates import DuplicatePair, Picture
from fractura.datasets.audit.result import Audit
from fractura.datasets.record import Record
from fractura.datasets.report import audit_page
from fractura.spreadsheet import write_rows

PAIR_COLUMNS = (
    *("first", "second", "similarity", "mirrored", "inverted", "rotation", "scale"),
    *("first_split", "second_split", "first_label", "second_label", "identical"),
)


def write_audit(audit: Audit, folder: Path) -> None:
    """``audit.json``, ``problems.csv`` and ``groups.csv`` (what ``fractura data split`` takes).

    Raises:
        SaveError: the folder is missing, not writable or full.
    """
    with whole_file(folder / "audit.json") as file:
        file.write(json.dumps(audit.as_dict(), indent=1, ensure_ascii=False).encode() + b"\n")
    problems = (
        (check.name, problem.severity, problem.sentence, _list(problem.records))
        for check in audit.checks
        for problem in check.problems
    )
    _write(folder / "problems.csv", ("check", "severity", "sentence", "records"), problems)
    _write(folder / "groups.csv", ("id", "group"), sorted(audit.groups.items()))


def write_pairs(
    records: Sequence[Record],
    pairs: Sequence[DuplicatePair],
    same: Sequence[Sequence[int]],
    folder: Path,
) -> None:
    """``pairs.csv``: every verified pair; ``same`` are the groups of identical pictures.

    Raises:
        SaveError: the folder is missing, not writable or full.
    """
    content = {position: group[0] for group in same for position in group}
    rows = (
        (
            records[pair.first].id,
            records[pair.second].id,
            round(pair.similarity, 4),
            str(pair.mirrored).lower(),
            str(pair.inverted).lower(),
            round(pair.rotation, 1),
            round(pair.scale, 3),
            records[pair.first].split,
            records[pair.second].split,
            records[pair.first].label,
            records[pair.second].label,
            str(content.get(pair.first, -1) == content.get(pair.second, -2)).lower(),
        )
        for pair in pairs
    )
    _write(folder / "pairs.csv", PAIR_COLUMNS, rows)


def write_page(
    audit: Audit, records: Sequence[Record], pictures: Sequence[Picture | None], folder: Path
) -> None:
    """``audit.html``, with the ``pictures`` of the ``records`` that problems name.

    Raises:
        FracturaError: Jinja2 is not installed.
        SaveError: the folder is missing, not writable or full.
    """
    positions = {record.id: position for position, record in enumerate(records)}

    def picture_of(name: str) -> Picture | None:
        return pictures[positions[name]] if name in positions else None

    page = audit_page(audit, {record.id: record for record in records}, picture_of)
    write_whole(folder / "audit.html", page.encode("utf-8", "backslashreplace"))


def _list(names: Sequence[str]) -> str:
    return json.dumps(names, ensure_ascii=False)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors="backslashreplace")
        write_rows(text, chain([columns], rows))
        text.flush()
        text.detach()
