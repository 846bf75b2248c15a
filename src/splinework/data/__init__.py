"""Data: measured tables, synthetic sets and simulators, defined by recipes. Names are loaded on first use."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # read by `lazy`, too
    from splinework.data.catalogue import RECIPES
    from splinework.data.formulas import FormulaSet
    from splinework.data.inputs import Input
    from splinework.data.knots import load_knots
    from splinework.data.orbits import load_orbits
    from splinework.data.parquet import write_parquet
    from splinework.data.random_formulas import RandomFormula
    from splinework.data.registry import DataSet, data_names, data_set
    from splinework.data.sample import Card, GroundTruth, Sample
    from splinework.data.serialisation import from_dict, to_dict
    from splinework.data.simulators.ode import OdeSet, ode_set
    from splinework.data.special import SpecialSet
    from splinework.data.synthetic import BenchmarkProblem, feynman, feynman_ids, problem, problem_names

__all__ = [
    "RECIPES", "BenchmarkProblem", "Card", "DataSet", "FormulaSet", "GroundTruth", "Input", "OdeSet",
    "RandomFormula", "Sample", "SpecialSet", "data_names", "data_set", "feynman", "feynman_ids", "from_dict",
    "load_knots", "load_orbits", "ode_set", "problem", "problem_names", "to_dict", "write_parquet",
]  # fmt: skip

__getattr__ = lazy(__name__)
