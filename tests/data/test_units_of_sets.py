"""The units of the Feynman formulas are right: other base units change each target as its own unit says."""

import numpy as np

from splinework.data import data_names, data_set
from splinework.formula.units.dimensions import BASE_UNITS, Dimension
from splinework.formula.units.parsing import parse_dimension
from tests.families import every

FACTORS = {unit: 0.6 + 0.13 * place for place, unit in enumerate(BASE_UNITS)}
KNOWN = [
    name for name in data_names() if name.startswith("feynman-si:") and data_set(name).target in data_set(name).units
]


def factor(dimension: Dimension) -> float:
    return float(np.prod([FACTORS[unit] ** float(power) for unit, power in dimension.exponents]))


def test_all_but_one_have_a_unit_of_their_target():
    assert len(KNOWN) == 119


@every("name", KNOWN)
def test_a_law_of_physics_does_not_depend_on_the_base_units(name):
    found = data_set(name)
    drawn = found.draw(16, seed=0)
    assert set(drawn.units) == {*drawn.names, *drawn.targets}
    dimensions = {column: parse_dimension(unit) for column, unit in drawn.units.items()}
    moved = drawn.x * [factor(dimensions[column]) for column in drawn.names]
    expected = drawn.y * factor(dimensions[found.target])
    np.testing.assert_allclose(found.recipe.evaluate(moved)[:, 0], expected, rtol=1e-9)
    assert any(text.startswith("units(") for text in drawn.truth.axioms)


def test_a_set_without_units_has_none():
    assert data_set("feynman:I.6.2").units == {}
    assert data_set("nguyen:1").draw(4).units == {}
