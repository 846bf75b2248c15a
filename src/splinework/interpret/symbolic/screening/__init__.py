"""Screening: formulas from symmetries, power laws and sums in the data, without a network."""

from splinework.interpret.symbolic.screening.problem import ScreeningProblem, initial_problem
from splinework.interpret.symbolic.screening.screen import Screen
from splinework.interpret.symbolic.screening.surrogate import inliers

__all__ = ["Screen", "ScreeningProblem", "initial_problem", "inliers"]
