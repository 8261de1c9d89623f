"""Figures of a scorecard as cells of tables, for a page and for Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fractura.evaluation.compare import columns
from fractura.text import printable

UNDEFINED = "undefined"
"""Stands for a figure that was asked for and has no value; the section's notes say why."""

_TITLES = {
    "npv": "negative predictive value",
    "precision": "precision (positive predictive value)",
    "ppv_at_prevalence": "positive predictive value at the prevalence given",
    "npv_at_prevalence": "negative predictive value at the prevalence given",
    "flagged": "share called positive",
    "region_accuracy": "region named rightly",
    "ap75": "AP75",
    "auroc": "AUROC",
    "mask_ap50": "mask AP50",
    "mask_ap75": "mask AP75",
    "mask_ap50_95": "mask AP50:95",
    "calibration_error": "calibration error (ECE)",
    "calibration_error_equal_mass": "calibration error, bins of equal size",
    "brier": "Brier score",
    "reliability": "Brier: reliability (lower is better)",
    "resolution": "Brier: resolution (higher is better)",
    "uncertainty": "Brier: uncertainty of the labels",
    "within_bins": "Brier: spread within the bins",
    "intercept": "calibration intercept (0 is ideal)",
    "slope": "calibration slope (1 is ideal)",
    "f1_best": "best F1 of boxes",
    "precision_at_f1_best": "precision of boxes there",
    "recall_at_f1_best": "share of boxes found there",
    "threshold_f1_best": "threshold there",
    "found_at_0.5": "found at 0.5 false boxes an image",
    "missed_by_cluster": "fractures sent home, clusters counted alike",
    "false_alarm_by_cluster": "normals called, clusters counted alike",
    "auroc_change": "change of the AUROC",
    "missed": "fractures sent home",
    "false_alarm": "normals called",
    "needs_reader": "left to a reader",
    "fracture_share": "called “fracture”",
    "no_fracture_share": "called “no fracture”",
    "area_under_risk_coverage": "area under the risk–coverage curve",
    "mean_change": "mean change of the probability",
    "largest_change": "largest change of the probability",
    "decision_changed": "decisions changed",
    "box_overlap": "overlap of the boxes",
    "auroc_gain": "gain in AUROC",
    "ap50_gain": "gain in AP50",
    "doubt_auroc_of_errors": "AUROC of nearness to 0.5 for errors",
    "spread_auroc_of_errors": "AUROC of the spread for errors",
    "pointing_game": "pointing game",
    "chance_pointing": "pointing game by chance",
    "energy_in_box": "energy in the box",
    "chance_energy": "energy in the box by chance",
    "found_by_best_box": "found by the best box",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~])")


@dataclass(frozen=True)
class TableCell:
    """One value.

    Attributes:
        text: for people.
        value: to sort by; ``None`` if there is none.
        detail: its interval and n, if it has them.
        shade: 0..1, how dark the cell is in a heat table; ``None`` for no shade.
    """

    text: str
    value: float | str | None = None
    detail: str = ""
    shade: float | None = None


@dataclass(frozen=True)
class TableGrid:
    """A table; the first cell of a row names it.

    Attributes:
        title: its caption.
        columns: titles.
        rows: cells, as many as columns.
        numeric: whether each column holds numbers.
        folded: whether a page shows it only when asked to.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    numeric: tuple[bool, ...]
    folded: bool = False


def grid(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[TableCell]],
    *,
    words: int = 1,
    folded: bool = False,
) -> TableGrid:
    """A table whose first ``words`` columns hold words and the others numbers."""
    numeric = tuple(index >= words for index in range(len(columns)))
    return TableGrid(title, tuple(columns), tuple(tuple(row) for row in rows), numeric, folded)


def title_of(figure: str) -> str:
    """A figure's name for people."""
    for kind, other in (("sensitivity", "specificity"), ("specificity", "sensitivity")):
        level = figure.removeprefix(f"{kind}_at_{other}_")
        if level != figure:
            return f"{kind} at {other} {level}"
    if figure.endswith("_fractured_only") and figure.startswith("sensitivity_at_"):
        return f"{title_of(figure.removesuffix('_fractured_only'))}, fractured only"
    title = _TITLES.get(figure) or columns.title_of(figure)
    return f"{title} an image" if title.startswith("boxes found at") else title


def capital(text: str) -> str:
    """Text with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def number(value: float) -> str:
    """Three decimals; thousands apart; what is small keeps one digit."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if 1e-4 <= abs(value) < 1e-3:
        return f"{value:.4f}"
    return f"{value if abs(value) >= 1e-4 else 0:.3f}"


def words(text: Any) -> TableCell:
    """A cell of words; nothing becomes a dash."""
    return TableCell("–") if text is None or text == "" else TableCell(str(text), str(text))


def count(value: Any) -> TableCell:
    """A cell of a count, or of any other number."""
    if value is None:
        return TableCell("–")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words(value)
    return TableCell(f"{value:,}" if isinstance(value, int) else number(value), value)


def interval(figure: Any) -> str:
    """``0.869–0.955``, or nothing."""
    if not isinstance(figure, Mapping) or figure.get("low") is None or figure.get("high") is None:
        return ""
    low, high = number(figure["low"]), number(figure["high"])
    return f"{low} to {high}" if figure["low"] < 0 else f"{low}–{high}"


def value_of(figure: Any) -> float | None:
    """A figure's value; ``None`` if it is undefined or was not measured."""
    found = figure.get("value") if isinstance(figure, Mapping) else figure
    return float(found) if isinstance(found, int | float) else None


def figure_cell(figure: Any) -> TableCell:
    """A figure ``{"value", "low", "high", "n"}``, or a value alone, with interval and n below.

    ``None`` says that it does not apply, and becomes a dash.
    """
    if figure is None:
        return TableCell("–")
    value = value_of(figure)
    n = figure.get("n") if isinstance(figure, Mapping) else None
    parts = [interval(figure), "" if n is None else f"n {n:,}"]
    text = UNDEFINED if value is None else number(value)
    return TableCell(text, value, ", ".join(filter(None, parts)))


def cell_of(figures: Mapping[str, Any], name: str) -> TableCell:
    """The cell of a figure by its name; a dash if it was not asked for."""
    return figure_cell(figures[name]) if name in figures else TableCell("–")


def figure_rows(figures: Mapping[str, Any]) -> list[tuple[TableCell, ...]]:
    """A row for each figure: name, value, interval, n."""
    rows: list[tuple[TableCell, ...]] = []
    for name, figure in figures.items():
        value = value_of(figure)
        n = figure.get("n") if isinstance(figure, Mapping) else None
        low = figure.get("low") if isinstance(figure, Mapping) else None
        rows.append(
            (
                words(capital(title_of(name))),
                TableCell(UNDEFINED if value is None else number(value), value),
                TableCell(interval(figure) or "–", low),
                count(n),
            )
        )
    return rows


def figures_grid(title: str, figures: Mapping[str, Any]) -> TableGrid:
    """A table of figures, one a row."""
    return grid(title, ("figure", "value", "95 % interval", "n"), figure_rows(figures))


def cross_grid(
    title: str,
    first: Sequence[str],
    rows: Iterable[tuple[Sequence[TableCell], Mapping[str, Any]]],
    *,
    counts: Sequence[str] = (),
    folded: bool = False,
) -> TableGrid:
    """A table with a column for every figure that any row has.

    Args:
        title: its caption.
        first: titles of the columns of words.
        rows: the cells of ``first`` and ``counts``, and the figures of each row.
        counts: titles of the columns of numbers before the figures.
        folded: see :class:`TableGrid`.
    """
    rows = list(rows)
    names = list(dict.fromkeys(name for _, figures in rows for name in figures))
    titles = [*first, *counts, *map(title_of, names)]
    cells = [[*head, *(cell_of(figures, name) for name in names)] for head, figures in rows]
    return grid(title, titles, cells, words=len(first), folded=folded)


def in_words(figure: Any) -> str:
    """``0.914 (95 % interval 0.869–0.955, n 391)``, or that it is undefined."""
    cell = figure_cell(figure)
    detail = cell.detail.replace("–", " to ") if interval(figure) else cell.detail
    interval_named = f"95 % interval {detail}" if interval(figure) else detail
    return f"{cell.text} ({interval_named})" if detail else cell.text


def markdown(text: Any) -> str:
    """Text from anywhere, to stand as plain words in one line of Markdown."""
    plain = html.escape(printable(str(text)), quote=False)
    return _SPECIAL.sub(r"\\\1", plain)


def markdown_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool] = ()
) -> str:
    """A table in Markdown; the cells are Markdown already."""
    aligned = ["---:" if right else "---" for right in numeric] or ["---"] * len(columns)
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, aligned, *rows))


def markdown_grid(table: TableGrid) -> str:
    """A table in Markdown, without its title."""
    rows = [
        [markdown(f"{cell.text} ({cell.detail})" if cell.detail else cell.text) for cell in row]
        for row in table.rows
    ]
    return markdown_table([markdown(one) for one in table.columns], rows, table.numeric)
