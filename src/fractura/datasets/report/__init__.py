"""Audits and statistics as pages that need nothing but a browser."""

from fractura.datasets.report.audit import audit_page
from fractura.datasets.report.statistics import stats_page

__all__ = ["audit_page", "stats_page"]
