"""An audit as a page, with the pictures in question side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from fractura.datasets.audit.result import Audit, AuditProblem, Check, Severity
from fractura.datasets.record import LABELS, SPLITS, Record
from fractura.datasets.report.album import Album, AlbumPicture, PictureOf
from fractura.datasets.report.page import listed, plural, render
from fractura.datasets.report.table import Table, cross_table, tables_of, text_of
from fractura.datasets.stats import NOT_GIVEN

PROBLEMS_SHOWN = 60
"""Problems of one check in the page; the others stand in ``problems.csv``."""
PICTURES_SHOWN = 12
"""Pictures of one problem in the page."""
PICTURE_BYTES = 7_000_000
"""All pictures of a page together, shared evenly among the checks that found something."""
ROWS_SHOWN = 100
"""Rows of one table of figures in the page; the others stand in ``audit.json``."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
PASSED = "passed"


@dataclass(frozen=True, slots=True)
class AuditExhibit:
    """A record of a problem as it is shown."""

    id: str
    record: Record | None
    picture: AlbumPicture | None
    left_out: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A problem as it is shown."""

    problem: AuditProblem
    evidence: tuple[tuple[str, str], ...]
    exhibits: tuple[AuditExhibit, ...]

    @property
    def more(self) -> int:
        """How many of its records are not shown."""
        return len(self.problem.records) - len(self.exhibits)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A check as it is shown."""

    check: Check
    status: str
    counts: tuple[tuple[str, int], ...]
    tables: tuple[Table, ...]
    cases: tuple[Case, ...]

    @property
    def more(self) -> int:
        """How many of its problems are not shown."""
        return len(self.check.problems) - len(self.cases)


def audit_page(audit: Audit, records: Mapping[str, Record], picture_of: PictureOf) -> str:
    """The audit as one page of HTML that fetches nothing.

    Args:
        audit: what was found.
        records: the manifest's records by their ids. Problems may name others.
        picture_of: a small picture for a record's id, uint8 grey ``[height, width]`` with bone
            bright, about 160 to 192 pixels long; ``None`` if there is none. Asked only for what
            is shown: :data:`PROBLEMS_SHOWN` problems a check, :data:`PICTURES_SHOWN` pictures a
            problem, and :data:`PICTURE_BYTES` altogether.

    Raises:
        FracturaError: Jinja2 is not installed.
    """
    found = sum(bool(check.problems) for check in audit.checks)
    return render(
        "audit.html.j2",
        audit=audit,
        name=Path(audit.manifest).name,
        verdict=verdict(audit, records.values()),
        images=_images(records.values()),
        chapters=[
            _chapter(check, records, Album(picture_of, PICTURE_BYTES // found if found else 0))
            for check in audit.checks
        ],
        settings=tables_of({"Settings": audit.settings, "Seconds": audit.seconds}),
        rows_shown=ROWS_SHOWN,
    )


def status_of(check: Check) -> str:
    """The gravest severity among a check's problems, or :data:`PASSED`."""
    found = {problem.severity for problem in check.problems}
    return next((severity for severity in SEVERITIES if severity in found), PASSED)


def verdict(audit: Audit, records: Iterable[Record]) -> tuple[str, str]:
    """A status, and whether the split is to be trusted in one sentence."""
    leaking = [check.title for check in audit.checks if status_of(check) == "leak"]
    if leaking:
        where = listed([f"“{title}”" for title in leaking])
        return "leak", (
            f"This split leaks: {plural(audit.leaks, 'problem')} in {where}. "
            "Scores measured on it are not to be trusted."
        )
    found = Counter(map(status_of, audit.checks))
    also = "".join(
        f" {plural(found[status], 'check')} found {what}."
        for status, what in (("error", "errors in the data"), ("warning", "something to look at"))
        if found[status]
    )
    status = next((status for status in ("error", "warning") if found[status]), PASSED)
    records = list(records)
    splits = {record.split for record in records}
    folds = {record.fold for record in records} - {None}
    sides = [split for split in SPLITS if split in splits]
    between = [listed(sides)] if len(sides) > 1 else []
    between += [plural(len(folds), "fold")] if len(folds) > 1 else []
    if not between:
        return status, f"The images are not split, so nothing can leak.{also}"
    return status, f"No leak was found between {' or between '.join(between)}.{also}"


def _images(records: Iterable[Record]) -> Table:
    counts: dict[str, Counter[str]] = {split: Counter() for split in (*SPLITS, NOT_GIVEN)}
    for record in records:
        counts[record.split or NOT_GIVEN][record.label] += 1
    present = {split: count for split, count in counts.items() if count}
    labels = [label for label in LABELS if any(count[label] for count in present.values())]
    return cross_table("Images by split and label", "split", present, labels)


def _chapter(check: Check, records: Mapping[str, Record], album: Album) -> Chapter:
    counts = Counter(problem.severity for problem in check.problems)
    return Chapter(
        check=check,
        status=status_of(check),
        counts=tuple((severity, counts[severity]) for severity in SEVERITIES if counts[severity]),
        tables=tuple(tables_of(check.figures)),
        cases=tuple(_case(problem, records, album) for problem in check.problems[:PROBLEMS_SHOWN]),
    )


def _case(problem: AuditProblem, records: Mapping[str, Record], album: Album) -> Case:
    exhibits = []
    for name in problem.records[:PICTURES_SHOWN]:
        left_out = album.full
        picture = album.picture(name, records.get(name))
        exhibits.append(AuditExhibit(name, records.get(name), picture, left_out))
    evidence = [(key.replace("_", " "), text_of(value)) for key, value in problem.evidence.items()]
    return Case(problem, tuple(evidence), tuple(exhibits))
