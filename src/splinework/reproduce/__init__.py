"""Experiments of the literature, run again by one command: one experiment is one file in `splinework.reproduce.experiments`.

Each has a frozen recipe: data, shapes, rivals, seeds, and the published values with their place in the paper. It runs cell by
cell, keeps every result, and ends with a table, a figure, checks of stated bounds, and the environment. Names are loaded on
first use.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # read by `lazy`, too
    from splinework.reproduce.experiment import BoundCheck, ComparisonRow, Experiment, ExperimentCell, FinishedCell
    from splinework.reproduce.registry import experiment_names, recipe
    from splinework.reproduce.running import ExperimentResult, run, status

__all__ = [
    "BoundCheck", "ComparisonRow", "Experiment", "ExperimentCell", "ExperimentResult", "FinishedCell",
    "experiment_names", "recipe", "run", "status",
]  # fmt: skip

__getattr__ = lazy(__name__)
