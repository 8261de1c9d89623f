"""Statistics as a page."""

from __future__ import annotations

from collections.abc import Sequence

from fractura.datasets.report.charts import Drawing
from fractura.datasets.report.page import listed, render
from fractura.datasets.report.statistics_tables import statistics_tables
from fractura.datasets.stats import Statistics

ROWS_SHOWN = 100
"""Rows of one table in the page; the others stand in ``stats.json``."""


def stats_page(stats: Statistics, figures: Sequence[Drawing]) -> str:
    """The statistics and their figures as one page of HTML that fetches nothing.

    Raises:
        FracturaError: Jinja2 is not installed.
    """
    return render(
        "stats.html.j2",
        stats=stats,
        sources=listed(list(stats.cross("source", "label"))) or "an empty manifest",
        tables=statistics_tables(stats),
        figures=figures,
        rows_shown=ROWS_SHOWN,
    )
