"""Inner sums: two columns that act through a sum of functions of each are seen, and the functions are those; others are not."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.pool import Pool
from splinework.interpret.symbolic.screening import Screen, initial_problem
from splinework.interpret.symbolic.screening.inner_sums import inner_sums

NAMES = ("a", "b", "c")
A, B, C = (symbol(name) for name in NAMES)
OUTER = {
    "wave": sympy.cos,
    "step": sympy.tanh,
    "hill": lambda e: sympy.exp(-(e**2)),
    "root": lambda e: sympy.sqrt(4 + e),
    "beside another column": lambda e: C * sympy.sin(e) + C**2,
}
INNER = {
    "exp and arctangent": (sympy.exp(A / 2), -sympy.atan(3 * B)),
    "wave and power": (sympy.sin(1.4 * A), 0.3 * B ** sympy.Rational(3, 2)),
    "logarithms, a product": (sympy.log(A), sympy.log(sympy.sinh(B))),
}


def problem(expression, columns=3, *, noise=0.0, count=500):
    draw = np.random.default_rng(0)
    x = draw.uniform(0.3, 2.5, (count, columns))
    y = compile_expression(expression, NAMES[:columns])(x)
    return initial_problem(FitTarget(x, y + noise * y.std() * draw.standard_normal(count), NAMES[:columns]))


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("outer", OUTER)
def test_the_functions_inside_are_found_up_to_a_scale_and_shifts(outer, inner):
    one, two = INNER[inner]
    whole = problem(OUTER[outer](one + two))
    found = inner_sums(whole if outer.startswith("beside") else whole.without(2), most=1e9)
    first = next(each for each in found if each.columns == (0, 1))
    assert first.error <= 1e-3 * whole.spread
    assert first.error <= 2 * found[0].error
    truth = np.column_stack([compile_expression(e, NAMES)(whole.columns) for e in (one, two)])
    lines = np.column_stack([np.ones(len(truth)), first.parts.sum(1)])
    shift, unit = np.linalg.lstsq(lines, truth.sum(1), rcond=None)[0]
    for part, values in zip(first.parts.T, truth.T, strict=True):  # both in one unit
        left = values - unit * part
        assert left.std() <= 2e-2 * truth.sum(1).std()
    assert np.isfinite(shift)


@pytest.mark.parametrize(
    "form", [sympy.exp(A) + B**2, sympy.exp(A) * B**2, A * B + sympy.sin(A + 2 * B)], ids=["sum", "product", "neither"]
)
def test_what_is_no_inner_sum_has_none(form):
    """Sums and products themselves are separated elsewhere."""
    whole = problem(form, columns=2)
    assert inner_sums(whole, most=1e-3 * whole.spread) == []


@pytest.mark.parametrize(
    "form",
    [
        C * sympy.sin(sympy.log(A) + B**2 / 2),
        sympy.tanh(A * sympy.atan(3 * B) - 1),
        sympy.cos(sympy.exp(A / 2) - sympy.atan(3 * B)),
    ],
    ids=str,
)
@pytest.mark.slow
def test_screening_finds_what_is_inside_and_outside_before_evolution(form):
    columns = len(form.free_symbols)
    whole, fresh = problem(form, columns), problem(form, columns, count=700)
    pool = Pool(FitTarget(whole.columns, whole.y, NAMES[:columns]))
    Screen(pool, (initial_problem(pool.target),), further=lambda: pytest.fail("evolution was asked")).run()
    assert pool.exact
    values = compile_expression(pool.entries[0].expression, NAMES[:columns])(fresh.columns)
    assert np.abs(values - fresh.y).max() <= 1e-7 * fresh.spread
