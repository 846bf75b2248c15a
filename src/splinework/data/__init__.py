"""Data: measured orbits, synthetic problems, and the reader of formulas. Formulas in, arrays out."""

from splinework.data.expressions import Formula, compile_formula
from splinework.data.orbits import load_orbits
from splinework.data.registry import DataSet, data_names, data_set
from splinework.data.synthetic import Problem, feynman, feynman_ids, problem, problem_names

__all__ = [
    "DataSet",
    "Formula",
    "Problem",
    "compile_formula",
    "data_names",
    "data_set",
    "feynman",
    "feynman_ids",
    "load_orbits",
    "problem",
    "problem_names",
]
