"""All synthetic sets by name. Names with a colon are members of a family, such as `feynman:I.6.2` or `nguyen:7`."""

from typing import Final

from splinework.data.designs import DESIGNS
from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input
from splinework.data.marginals import Marginals
from splinework.data.noise import NOISES
from splinework.data.problems import ProblemSet
from splinework.data.random_formulas import RandomFormula
from splinework.data.recipe import Recipe
from splinework.data.simulators.equations import HEAT, HELMHOLTZ, POISSON, AllenCahnSet, BurgersSet
from splinework.data.simulators.localisation import LocalisationSet
from splinework.data.simulators.materials import material, material_names
from splinework.data.simulators.ode import OdeSet
from splinework.data.simulators.systems import system, system_names
from splinework.data.special import SpecialSet, special_names
from splinework.data.structures import structure, structure_names
from splinework.data.suites import suite_names, suite_set
from splinework.data.synthetic import FeynmanTable, feynman_ids, problem_names

RECIPES: Final[tuple[type, ...]] = (
    FormulaSet, ProblemSet, SpecialSet, OdeSet, BurgersSet, AllenCahnSet, LocalisationSet, Input, Marginals, *DESIGNS, *NOISES
)  # fmt: skip
"""All classes in the recipe of a set, for `from_dict`."""
KINDS: Final[dict[str, str]] = {
    "feynman": "Feynman formulas without units",
    "feynman-si": "Feynman formulas with units",
    "special": "special functions of two variables",
    "nguyen": "formulas of Nguyen's suite",
    "keijzer": "formulas of Keijzer's suite",
    "korns": "formulas of Korns' suite",
    "strogatz": "right-hand sides of Strogatz' dynamics",
    "structure": "formulas with a known structure",
    "linear_elastic": "stresses of linear elasticity",
    "neo_hookean": "stresses of a neo-Hookean material",
}
"""Prefix of a name before the colon → description of its members."""
RANDOM: Final = "random"
"""Prefix of random formulas of two variables, which are not listed."""

_TABLES: Final[dict[str, FeynmanTable]] = {"feynman": "dimensionless", "feynman-si": "dimensional"}
_EQUATIONS: Final[dict[str, Recipe]] = {
    "heat": HEAT,
    "poisson": POISSON,
    "helmholtz": HELMHOLTZ,
    "burgers": BurgersSet(),
    "allen_cahn": AllenCahnSet(),
}
_CHAINS: Final[dict[str, Recipe]] = {
    "aubry_andre": LocalisationSet("aubry_andre"),
    "mosaic": LocalisationSet("mosaic"),
    # full matrices, which take longer
    "exponential_hopping": LocalisationSet("exponential_hopping", sites=610),
    "nearest_hopping": LocalisationSet("nearest_hopping", sites=610),
}


def synthetic_names() -> dict[str, tuple[str, ...]]:
    """Group → names without a colon.

    >>> list(synthetic_names())
    ['synthetic problems', 'simulators']
    """
    return {"synthetic problems": problem_names(), "simulators": (*system_names(), *_EQUATIONS, *_CHAINS)}


def kind_names() -> tuple[str, ...]:
    """The names with a colon."""
    tables = (f"{kind}:{one}" for kind, table in _TABLES.items() for one in feynman_ids(table=table))
    special = (f"special:{one}" for one in special_names())
    return (*tables, *special, *suite_names(), *structure_names(), *material_names())


def recipe(name: str) -> Recipe | None:
    """The recipe with a given name, or None.

    >>> recipe("nguyen:1").schema().formula
    'x**3 + x**2 + x'
    """
    kind, colon, one = name.partition(":")
    if not colon:
        if name in problem_names():
            return ProblemSet(name)
        return system(name) if name in system_names() else _EQUATIONS.get(name) or _CHAINS.get(name)
    if kind == RANDOM and one.isdecimal() and len(one) <= 9:
        return RandomFormula(seed=int(one)).set()
    if name not in kind_names():
        return None
    if kind in _TABLES:
        return ProblemSet(one, _TABLES[kind])
    if kind == "special":
        return SpecialSet(one)
    if kind == "structure":
        return structure(name)
    return material(name) if name in material_names() else suite_set(name)
