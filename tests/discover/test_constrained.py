"""Laws of required and forbidden terms: they are there, or not there, in every row."""

from typing import Any

import numpy as np
import pytest
import sympy

from splinework.discover.constrained import discover_constrained
from splinework.discover.constraints import contains, forbidden_names
from splinework.discover.partial import complete_formula
from splinework.discover.search_space import EVERYTHING, SearchSpace
from splinework.errors import DataError, FormulaError
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import compile_expression
from splinework.interpret.symbolic.library import LIBRARY
from splinework.interpret.symbolic.table import FormulaTable
from tests.discover.test_partial import NAMES, pairs_of_terms, rows
from tests.families import slow


def law(text: str) -> Any:
    return compile_expression(parse_formula(text, NAMES), NAMES)


def searched(truth: str, **options: Any) -> FormulaTable:
    x = rows()
    return discover_constrained(x, law(truth)(x), names=NAMES, search=pairs_of_terms, budget=20, **options)


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("truth", "require"),
    [
        ("3*exp(x1) + sin(x2)", ["exp(x1)"]),
        ("3*exp(x1) + sin(x2) + 1/x3 + 2*x1*x2", ["exp(x1)", "1/x3"]),
        pytest.param("2.5*x2/x3*(1 + x1**2)", ["x2/x3"], marks=pytest.mark.slow),
        ("2.5*tanh(x1) + x2**2 + log(x3)", ["tanh(x1)"]),
        ("exp(x1)*(x2 + 1/x3)", ["exp(x1)"]),
        pytest.param("sqrt(x1 + x2)*(x3 + 2)", ["sqrt(x1 + x2)"], marks=pytest.mark.slow),
        pytest.param("arctan(0.5*x1) + x2*x3 + x3**2", ["arctan(x1/2)"], marks=pytest.mark.slow),
    ],
)
def test_required_terms_stand_in_every_row_and_the_law_is_found(truth: str, require: list[str]) -> None:
    table = searched(truth, require=require)
    terms = [parse_formula(text, NAMES) for text in require]
    assert all(contains(row.expression, term) for row in table for term in terms)
    fresh = rows(seed=5)
    assert np.abs(table.numpy()(fresh) - law(truth)(fresh)).max() < 1e-6, table


@pytest.mark.quick(1)
@pytest.mark.parametrize("forbid", [["x3"], ["log", "sin"], *slow(["sin"], ["exp", "x2"])])
def test_forbidden_names_stand_in_no_row(forbid: list[str]) -> None:
    without = forbidden_names(forbid, NAMES)
    truth = "sin(x2) + exp(x1)*x3"
    table = searched(truth, forbid=forbid)
    assert all(without.allows(row.expression) for row in table)
    assert table.numpy()(rows(seed=3)).shape == (len(rows()),)  # all columns, in their order
    x = rows()
    filled = complete_formula("y = A*? + 1", x, law(truth)(x), names=NAMES, forbid=forbid, search=pairs_of_terms)
    assert all(without.allows(row.expression) for row in filled)


@pytest.mark.parametrize("name", ["sin", "exp", "sqrt", "tanh", "abs", "cbrt", "gaussian"])
def test_the_library_that_is_left_cannot_build_what_is_forbidden(name: str) -> None:
    without = forbidden_names([name], NAMES)
    left = without.library
    assert 0 < len(left) < len(LIBRARY)
    assert all(f.name != name and without.allows(f.build(sympy.Symbol("z", real=True))) for f in left)
    assert forbidden_names([], NAMES).library == LIBRARY


def test_a_library_goes_to_a_search_that_takes_one() -> None:
    came: list[Any] = []

    def search(x: Any, y: Any, *, space: SearchSpace = EVERYTHING, **rest: Any) -> FormulaTable:
        came.append(space.library)
        return pairs_of_terms(x, y, **rest)

    x = rows()
    discover_constrained(x, x[:, 0] ** 2, names=NAMES, forbid=["sin"], search=search)
    complete_formula("A*?", x, x[:, 0] ** 2, names=NAMES, forbid=["sin"], search=search)
    assert len(came) == 2
    assert all("sin" not in {f.name for f in library} for library in came)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"require": ["foo(x1)"]}, FormulaError, "foo"),
        ({"require": ["x9"]}, FormulaError, "x9"),
        ({"require": ["__import__('os')"]}, FormulaError, "unexpected"),
        ({"require": ["2"]}, FormulaError, "is a number"),
        ({"require": ["sin(x1)"], "forbid": ["sin"]}, FormulaError, "uses what is forbidden"),
        ({"require": "sin(x1)"}, FormulaError, "list of terms"),
        ({"forbid": ["sinn"]}, FormulaError, "did you mean.*sin"),
        ({"forbid": ["x9"]}, FormulaError, "did you mean.*x3"),
        ({"forbid": list(NAMES)}, FormulaError, "every column is forbidden"),
        ({"forbid": "sin"}, FormulaError, "list of names"),
        ({"require": ["log(x1 - 10)"]}, DataError, "no formula of these data can contain"),
    ],
)
def test_demands_that_cannot_be_met_are_told(options: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        searched("x1**2 + x2", **options)


@pytest.mark.parametrize(
    ("expression", "term", "there"),
    [
        ("3*x1*x2/x3 + 1", "x2/x3", True),
        ("3*x1/x3 + x2", "x2/x3", False),
        ("exp(x1 + x2)", "exp(x1)", True),
        ("exp(2*x1)", "exp(x1)", False),
        ("sin(2*x1 + 2*x2)", "x1 + x2", True),
        ("sin(2*x1 + 3*x2)", "x1 + x2", False),
        ("sqrt(x1 + x2)*x3", "sqrt(x1 + x2)", True),
        ("x1**2", "x1", True),
        ("x2**2", "x1", False),
    ],
)
def test_what_stands_in_an_expression(expression: str, term: str, there: bool) -> None:
    assert contains(parse_formula(expression, NAMES), parse_formula(term, NAMES)) is there
