"""Formulas straight from data: what its symmetries, powers and sums give away before any network is fitted."""

from splinework.interpret.symbolic.screening.problem import ScreeningProblem
from splinework.interpret.symbolic.screening.screen import Screen, initial_problem
from splinework.interpret.symbolic.screening.surrogate import inliers

__all__ = ["Screen", "ScreeningProblem", "initial_problem", "inliers"]
