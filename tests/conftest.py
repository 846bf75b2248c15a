"""Settings for every test; the cases and laws live beside the tests that use them."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("MPLBACKEND", "Agg")  # before matplotlib: no test opens a window

from hypothesis import settings

# The same examples on every run and no clock: a red test is red again for the next person.
settings.register_profile("laws", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("laws")


collect_ignore = ["nn/pykan_models.py"]
"""A script for environments with pykan, which is looked at for doctests otherwise."""
GC_THRESHOLDS = 20_000, 20, 20
"""Allocations, and collections of the younger generation, between two collections of garbage."""


def pytest_collection_finish() -> None:
    """Keeps the collected tests, which stay to the end, out of every later collection of garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
