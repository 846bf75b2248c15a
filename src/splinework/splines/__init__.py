"""Spline mathematics: tensors in, tensors out. Knows nothing of networks, modules or training."""

from splinework.splines.bspline import bspline_rows, bspline_values, cell_polynomials, derivative_jumps
from splinework.splines.cones import Cone, cone, greville
from splinework.splines.insertion import insert_knots, refine_coefficients, refined_knots
from splinework.splines.knots import adapted_knots, domain, grid_points, uniform_knots
from splinework.splines.least_squares import solve_least_squares

__all__ = [
    "Cone", "adapted_knots", "bspline_rows", "bspline_values", "cell_polynomials", "cone", "derivative_jumps",
    "domain", "greville", "grid_points", "insert_knots", "refine_coefficients", "refined_knots",
    "solve_least_squares", "uniform_knots",
]  # fmt: skip
