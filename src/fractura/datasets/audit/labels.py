"""Labels that contradict each other, and what the adapters said of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fractura.datasets.audit.grouping import SEVERITIES, plural
from fractura.datasets.audit.result import AuditProblem, Check, Severity
from fractura.datasets.manifest import Intake
from fractura.datasets.record import Record

_NUMBER = re.compile(r"\d+(\.\d+)?")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def contradictions(records: Sequence[Record], groups: Sequence[Sequence[int]]) -> Check:
    """Labels within groups of duplicates (identical or near), as positions of records."""
    problems = []
    for group in groups:
        members = [records[position] for position in group]
        labels = sorted({record.label for record in members} - {"unknown"})
        if len(labels) < 2:
            continue
        severity = _severity(members)
        words = " and ".join(
            f"{label} ({sum(record.label == label for record in members)})" for label in labels
        )
        verdict = {
            "error": "which cannot both be true",
            "note": "which may both be true but do not say the same",
        }[severity]
        problems.append(
            AuditProblem(
                severity,
                f"{len(members):,} copies of one picture are labelled {words}, {verdict}",
                tuple(record.id for record in members),
                {"labels": {record.id: record.label for record in members}},
            )
        )
    wrong = sum(problem.severity == "error" for problem in problems)
    return Check(
        name="labels",
        title="Contradictory labels",
        explanation=(
            "Copies of one picture, identical or near, must have one label. Fracture contradicts "
            "no fracture and normal; abnormal contradicts normal. Abnormal may or may not be a "
            "fracture, so beside fracture or no fracture it is only noted."
        ),
        summary=(
            f"{plural(wrong, 'group')} of {plural(len(groups), 'group')} of copies with "
            "contradictory labels"
        ),
        problems=tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity))),
        figures={"contradictory_groups": wrong, "groups_of_copies": len(groups)},
    )


def remarks(records: Sequence[Record], intakes: Sequence[Intake]) -> Check:
    """What was left out when the manifest was built, and the notes on its records."""
    problems = [
        AuditProblem("note", intake.sentence(), (), {"dropped": dict(intake.dropped)})
        for intake in intakes
        if intake.dropped
    ]
    alike: dict[str, list[tuple[Record, str]]] = {}
    for record in records:
        for note in record.notes:
            kind = _NUMBER.sub("0", _QUOTED.sub("''", note))
            alike.setdefault(kind, []).append((record, note))
    for _, found in sorted(alike.items()):
        more = f" ({len(found) - 1:,} more like it)" if len(found) > 1 else ""
        members = tuple(dict.fromkeys(record.id for record, _ in found))
        problems.append(AuditProblem("warning", f"{members[0]}: {found[0][1]}{more}", members))
    dropped = sum(intake.read - intake.kept for intake in intakes)
    noted = sum(bool(record.notes) for record in records)
    return Check(
        name="remarks",
        title="What the sources' readers remarked",
        explanation=(
            "Items that a source lists and the manifest leaves out, and contradictions or repairs "
            "that were noted on records while it was built. Labels of what was left out are not in "
            "the manifest, so look whether one class lost more than another."
        ),
        summary=(
            f"{plural(dropped, 'item')} left out of the manifest; notes on "
            f"{plural(noted, 'record')}"
        ),
        problems=tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity))),
        figures={"left_out": dropped, "records_with_notes": noted},
    )


def _severity(members: Sequence[Record]) -> Severity:
    fractured = {record.fractured for record in members}
    abnormal = {record.abnormal for record in members}
    return "error" if {True, False} <= fractured or {True, False} <= abnormal else "note"
