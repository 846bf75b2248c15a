"""Data: measured tables, synthetic sets, simulators. Recipes in, rows out; each name is loaded when first used."""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what a type checker and an editor see: the same as _HOMES
    from splinework.data.catalogue import RECIPES
    from splinework.data.drawn import Card, Drawn, Truth
    from splinework.data.formulas import FormulaSet
    from splinework.data.inputs import Input
    from splinework.data.knots import load_knots
    from splinework.data.orbits import load_orbits
    from splinework.data.random_formulas import RandomFormula
    from splinework.data.recipes import from_dict, to_dict
    from splinework.data.registry import DataSet, data_names, data_set
    from splinework.data.simulators.ode import OdeSet, ode_set
    from splinework.data.special import SpecialSet
    from splinework.data.stream import write_parquet
    from splinework.data.synthetic import Problem, feynman, feynman_ids, problem, problem_names

# Name → the module here that has it; with a dot, the one beside this package.
_HOMES = {
    "RECIPES": "catalogue",
    "Card": "drawn",
    "DataSet": "registry",
    "Drawn": "drawn",
    "FormulaSet": "formulas",
    "Input": "inputs",
    "OdeSet": "simulators.ode",
    "Problem": "synthetic",
    "RandomFormula": "random_formulas",
    "SpecialSet": "special",
    "Truth": "drawn",
    "data_names": "registry",
    "data_set": "registry",
    "feynman": "synthetic",
    "feynman_ids": "synthetic",
    "from_dict": "recipes",
    "load_knots": "knots",
    "load_orbits": "orbits",
    "ode_set": "simulators.ode",
    "problem": "synthetic",
    "problem_names": "synthetic",
    "to_dict": "recipes",
    "write_parquet": "stream",
}

__all__ = [
    "RECIPES",
    "Card",
    "DataSet",
    "Drawn",
    "FormulaSet",
    "Input",
    "OdeSet",
    "Problem",
    "RandomFormula",
    "SpecialSet",
    "Truth",
    "data_names",
    "data_set",
    "feynman",
    "feynman_ids",
    "from_dict",
    "load_knots",
    "load_orbits",
    "ode_set",
    "problem",
    "problem_names",
    "to_dict",
    "write_parquet",
]

__getattr__ = lazy(__name__)
