"""The report: one self-contained HTML page about a model, its data, its fit and its formulas."""

from splinework.report.reporting import report

__all__ = ["report"]
