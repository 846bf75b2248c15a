"""Data in, formula out: the pipeline that joins training, editing and the search for formulas."""

from splinework.discover.api import discover

__all__ = ["discover"]
