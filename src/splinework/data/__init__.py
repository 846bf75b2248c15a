"""Data: measured orbits, synthetic problems, and the reader of formulas. Formulas in, arrays out."""

from splinework.data.expressions import Formula, compile_formula
from splinework.data.orbits import load_orbits
from splinework.data.synthetic import Problem, feynman, feynman_ids, problem, problem_names

__all__ = [
    "Formula",
    "Problem",
    "compile_formula",
    "feynman",
    "feynman_ids",
    "load_orbits",
    "problem",
    "problem_names",
]
