"""A comparison as files: a page, a table of values, and Markdown."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fractura.atomic_write import make_folder, write_whole
from fractura.datasets.report.page import plural, render
from fractura.datasets.report.table import Table
from fractura.evaluation.classification import THRESHOLD
from fractura.evaluation.compare.charts import draw_comparison
from fractura.evaluation.compare.columns import Comparison, ComparisonCell, comparison, title_of
from fractura.evaluation.compare.gather import ComparedRun, task_of
from fractura.evaluation.compare.pairs import RunPair, pairs
from fractura.spreadsheet import write_rows

_COST = (
    "started_from",
    "parameters",
    "input_side",
    "epochs",
    "latency_ms",
    "threads",
    "training_seconds",
    "images_per_second",
)


def write_comparison(runs: Sequence[ComparedRun], split: str, out: Path) -> Comparison:
    """Write ``comparison.html``, ``comparison.csv`` and ``comparison.md``.

    Args:
        runs: see ``gather.gather``.
        split: that is compared.
        out: a folder; it is made if it is not there.

    Returns:
        The table, as it stands in the page.

    Raises:
        FracturaError: Jinja2 or Matplotlib is not installed, or a file cannot be written.
    """
    table = comparison(runs)
    tested, untested = pairs(runs)
    notes = [*_notes(runs), *untested]
    page = render(
        "comparison.html.j2",
        room="fractura.evaluation.compare",
        title=_title(runs, split),
        about=_about(runs),
        table=table,
        pairs=_pair_table(runs[0], tested) if tested else None,
        by_class=_by_class(runs),
        figures=draw_comparison(runs),
        notes=notes,
        sources=_sources(runs),
    )
    make_folder(out)
    write_whole(out / "comparison.html", page.encode("utf-8", "backslashreplace"))
    write_whole(out / "comparison.csv", values(runs, split).encode("utf-8", "backslashreplace"))
    text = _markdown(runs, split, table, tested, notes)
    write_whole(out / "comparison.md", text.encode("utf-8", "backslashreplace"))
    return table


def values(runs: Sequence[ComparedRun], split: str) -> str:
    """Every figure of every run as CSV, unrounded; a value that is undefined is empty."""
    figures = list(dict.fromkeys(name for run in runs for name in run.split.figures))
    text = io.StringIO()
    parts = [f"{name}{end}" for name in figures for end in ("", "_low", "_high", "_n")]
    head = ["name", "model", "recipe", "manifest_hash", "seed", "split", "cases", "clusters"]
    lines: list[list[Any]] = [[*head, *_COST, *parts]]
    for run in runs:
        source = run.scorecard.provenance
        row: list[Any] = [run.name, run.scorecard.model, source.recipe, source.manifest_hash]
        row += [source.seed, split, run.split.cases, run.split.clusters]
        row += [getattr(run.cost, name) for name in _COST]
        for name in figures:
            figure = dict(run.split.figures.get(name) or {})
            row += [figure.get(key) for key in ("value", "low", "high", "n")]
        lines.append(row)
    write_rows(text, lines)
    return text.getvalue()


def _title(runs: Sequence[ComparedRun], split: str) -> str:
    return f"{plural(len(runs), 'run')} of {task_of(runs[0])}, split “{split}”"


def _about(runs: Sequence[ComparedRun]) -> str:
    first = runs[0].split
    held = plural(first.cases, "case")
    if first.fractured is not None:
        held += f" ({first.fractured:,} fractured, {first.boxes or 0:,} boxes)"
    return (
        f"{held} in {plural(first.clusters, 'cluster')} of what belongs together. "
        f"Intervals: {first.interval}. Sorted by {title_of(runs[0].main)}; "
        "the best of each column is bold."
    )


def _notes(runs: Sequence[ComparedRun]) -> list[str]:
    first = runs[0]
    notes = []
    if len(runs) > 1:
        notes.append(
            "The best of several runs on the same cases looks better than it is; "
            "measure it once more on cases that chose nothing."
        )
    if len(first.classes) == 2:
        notes.append(f"“{first.classes[1]}” is called from a probability of {THRESHOLD} on.")
    else:
        notes.append("Means over classes count each class that occurs equally.")
    if first.split.fractured is not None and len(runs) > 1:
        notes.append("Paired tests are of the image's probability, not of its boxes.")
    threads = {run.cost.threads for run in runs if run.cost.latency_ms is not None}
    if len(threads) > 1:
        notes.append("CPU times were measured with different numbers of threads.")
    elif count := next(iter(threads), None):
        notes.append(f"CPU times were measured with {plural(count, 'thread')}.")
    return notes


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _pair_table(best: ComparedRun, tested: Sequence[RunPair]) -> Table:
    figure = title_of(tested[0].figure)
    head = ["run", f"difference in {figure}", "95 % interval", "McNemar's p"]
    rows = []
    for pair in tested:
        found = pair.difference
        known = not math.isnan(found.low)
        interval = f"{found.low:+.3f} to {found.high:+.3f}" if known else "–"
        value = "–" if math.isnan(found.value) else f"{found.value:+.3f}"
        rows.append([pair.name, value, interval, _p_value(pair.mcnemar)])
        if pair.figure == "auroc":
            rows[-1].insert(3, _p_value(found.p))
    if tested[0].figure == "auroc":
        head.insert(3, "DeLong's p")
    return Table(
        f"Against {best.name} on the same cases", tuple(head), tuple(tuple(row) for row in rows)
    )


def _by_class(runs: Sequence[ComparedRun]) -> Table | None:
    if runs[0].scorecard.kind != "classification" or len(runs[0].classes) == 2:
        return None

    def text(run: ComparedRun, name: str) -> float | None:
        found = (run.split.classes or {}).get(name, {}).get("sensitivity") or {}
        value = found.get("value")
        return None if value is None else round(value, 3)

    first = runs[0].split.classes or {}
    rows = tuple(
        (name, first.get(name, {}).get("n"), *(text(run, name) for run in runs))
        for name in runs[0].classes
    )
    return Table("Sensitivity for each class", ("class", "n", *(r.name for r in runs)), rows)


def _sources(runs: Sequence[ComparedRun]) -> Table:
    rows = tuple(
        (
            run.name,
            run.scorecard.task,
            source.recipe,
            source.seed,
            source.date,
            source.revision,
            ", ".join(f"{name} {version}" for name, version in source.versions.items()),
        )
        for run in runs
        for source in (run.scorecard.provenance,)
    )
    head = ("run", "task", "recipe", "seed", "date", "revision", "versions")
    return Table("Where they come from", head, rows)


def _markdown(
    runs: Sequence[ComparedRun],
    split: str,
    table: Comparison,
    tested: Sequence[RunPair],
    notes: Sequence[str],
) -> str:
    rows = [[_cell(cell) for cell in row] for row in (*table.rows, *filter(None, [table.baseline]))]
    parts = [f"## {_title(runs, split)}", _about(runs), _table(table.columns, table.numeric, rows)]
    if tested:
        found = _pair_table(runs[0], tested)
        lines = [[str(value) for value in row] for row in found.rows]
        parts += [f"{found.title}:", _table(found.columns, (False, *[True] * 4), lines)]
    parts.append("\n".join(f"- {note}" for note in notes))
    return "\n\n".join(parts) + "\n"


def _cell(cell: ComparisonCell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text} ({cell.interval})" if cell.interval else text


def _table(columns: Sequence[str], numeric: Sequence[bool], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---:" if numeric[index] else "---" for index in range(len(columns))], *rows]
    return "\n".join(
        f"| {' | '.join(text.replace('|', chr(92) + '|') for text in line)} |" for line in lines
    )
