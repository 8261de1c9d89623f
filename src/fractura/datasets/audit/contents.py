"""What the manifest holds, so that every other figure can be judged against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from fractura.datasets.audit.grouping import plural
from fractura.datasets.audit.leaks import has_split
from fractura.datasets.audit.result import AuditProblem, Check
from fractura.datasets.record import LABELS, SPLITS, Record


def check(records: Sequence[Record]) -> Check:
    """Counts of labels by source and by split, and what they do not say."""
    labels = Counter(record.label for record in records)
    problems = []
    if not has_split(records):
        official = sum(record.official_split is not None for record in records)
        hint = f"; {official:,} records have an official split" if official else ""
        problems.append(
            AuditProblem(
                "note",
                f"there is no split yet, so leaks between splits were not looked for{hint}: "
                "fractura data split makes one, and --groups takes this audit's groups.csv",
                (),
            )
        )
    if labels["abnormal"]:
        problems.append(
            AuditProblem(
                "note",
                f"{plural(labels['abnormal'], 'image')} labelled abnormal, which is not the same "
                "as fracture: they may show arthrosis or metal alone",
                (),
            )
        )
    counted = {label: labels[label] for label in LABELS if labels[label]}
    return Check(
        name="contents",
        title="What the manifest holds",
        explanation="Labels as the sources give them, by source and by split.",
        summary=f"{plural(len(records), 'record')}: "
        + ", ".join(f"{count:,} {label}" for label, count in counted.items()),
        problems=tuple(problems),
        figures={
            "labels": counted,
            "labels_by_source": _table((record.source, record.label) for record in records),
            "labels_by_split": _table(
                (record.split or "none", record.label)
                for record in sorted(
                    records, key=lambda record: (*SPLITS, None).index(record.split)
                )
            ),
        },
    )


def _table(cells: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    rows: dict[str, Counter[str]] = {}
    for row, column in cells:
        rows.setdefault(row, Counter())[column] += 1
    return {
        row: {label: counts[label] for label in LABELS if counts[label]}
        for row, counts in rows.items()
    }
