"""Formulas straight from data: what its symmetries, powers and sums give away before any network is fitted."""

from splinework.interpret.symbolic.screening.problem import Problem
from splinework.interpret.symbolic.screening.screen import Screen, whole
from splinework.interpret.symbolic.screening.surrogate import trusted

__all__ = ["Problem", "Screen", "trusted", "whole"]
