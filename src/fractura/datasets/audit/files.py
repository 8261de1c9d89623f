"""Files that cannot be read, end early or changed, and whether one class has more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fractura.datasets.audit.examine import Examination
from fractura.datasets.audit.grouping import plural
from fractura.datasets.audit.result import AuditProblem, Check, Severity
from fractura.datasets.record import LABELS, Record

UNEVEN = 0.01
"""Probability of so uneven a spread by chance, below which a person is warned."""


def check(records: Sequence[Record], found: Sequence[Examination]) -> Check:
    """Unreadable, truncated and changed files, and their spread over the labels."""
    unreadable: dict[str, list[Record]] = {}
    truncated, changed, resized = [], [], []
    for record, examination in zip(records, found, strict=True):
        if examination.problem is not None:
            unreadable.setdefault(examination.problem, []).append(record)
            continue
        if examination.truncated:
            truncated.append(record)
        if record.sha256 and record.sha256 != examination.sha256:
            changed.append(record)
        elif _other_size(record, examination):
            resized.append(record)
    problems = [
        _problem("error", f"{plural(len(group), 'file')} cannot be read: {reason}", group)
        for reason, group in sorted(unreadable.items())
    ]
    if changed:
        sentence = f"{plural(len(changed), 'file')} changed since the manifest was built"
        problems.append(_problem("error", f"{sentence}; build it again", changed))
    if resized:
        sentence = f"{plural(len(resized), 'image')} decode to another size than the manifest says"
        problems.append(_problem("warning", sentence, resized))
    unread = [record for group in unreadable.values() for record in group]
    for name, group in (("truncated", truncated), ("unreadable", unread)):
        if group:
            problems.append(_spread(name, group, records))
    return Check(
        name="files",
        title="Unreadable and truncated files",
        explanation=(
            "Every file was decoded. A program that skips the files it cannot read changes the "
            "balance of the classes where such files are unevenly spread; Fisher's exact test (two "
            "classes) or the chi-square test (more) says how likely chance is to do so."
        ),
        summary=(
            f"{plural(len(records), 'file')} decoded: {len(unread):,} unreadable, "
            f"{len(truncated):,} truncated, {len(changed):,} changed since the manifest was built"
        ),
        problems=tuple(problems),
        figures={
            "unreadable": len(unread),
            "truncated": len(truncated),
            "changed": len(changed),
            "by_label": _table(records, truncated, unread),
        },
    )


def probability(affected: Sequence[int], totals: Sequence[int]) -> float | None:
    """How likely chance alone spreads ``affected`` of ``totals`` at least as unevenly.

    Fisher's exact test for two classes, Pearson's chi-square test for more; ``None`` where there
    is one class or nothing to compare.
    """
    rows = [(part, whole - part) for part, whole in zip(affected, totals, strict=True) if whole]
    columns = [sum(row[column] for row in rows) for column in (0, 1)]
    if len(rows) < 2 or not all(columns):
        return None
    from scipy.stats import chi2_contingency, fisher_exact

    result = fisher_exact(rows) if len(rows) == 2 else chi2_contingency(rows, correction=False)
    return float(result.pvalue)


def _spread(name: str, group: Sequence[Record], records: Sequence[Record]) -> AuditProblem:
    totals = Counter(record.label for record in records)
    counts = Counter(record.label for record in group)
    labels = [label for label in LABELS if totals[label]]
    chance = probability([counts[label] for label in labels], [totals[label] for label in labels])
    uneven = chance is not None and chance < UNEVEN
    parts = " and ".join(
        f"{counts[label]:,} of {totals[label]:,} labelled {label} "
        f"({counts[label] / totals[label]:.2%})"
        for label in labels
    )
    sentence = f"{plural(len(group), name + ' file')}: leaving them out would remove {parts}"
    if uneven:
        sentence += f"; so uneven a spread over the classes is hardly chance (p = {chance:.2g})"
    evidence = {"by_label": {label: counts[label] for label in labels}, "probability": chance}
    return AuditProblem(
        "warning" if uneven or name == "truncated" else "note",
        sentence,
        tuple(record.id for record in group),
        evidence,
    )


def _problem(severity: Severity, sentence: str, group: Sequence[Record]) -> AuditProblem:
    paths = [record.path.as_posix() for record in group[:3]]
    more = ", …" if len(group) > len(paths) else ""
    return AuditProblem(
        severity,
        f"{sentence} ({', '.join(paths)}{more})",
        tuple(record.id for record in group),
    )


def _other_size(record: Record, examination: Examination) -> bool:
    pairs = ((record.width, examination.width), (record.height, examination.height))
    return any(said is not None and said != seen for said, seen in pairs)


def _table(
    records: Sequence[Record], truncated: Sequence[Record], unread: Sequence[Record]
) -> dict[str, dict[str, int]]:
    totals, short, bad = (
        Counter(record.label for record in group) for group in (records, truncated, unread)
    )
    return {
        label: {
            "ok": totals[label] - short[label] - bad[label],
            "truncated": short[label],
            "unreadable": bad[label],
        }
        for label in LABELS
        if totals[label]
    }
