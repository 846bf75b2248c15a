"""Data that a short formula meets to many digits: it comes first, whatever longer ones make of the rest."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import compile_expression, node_count, symbol
from splinework.interpret.symbolic.pool import MAX_ENTRIES, Pool
from splinework.interpret.symbolic.ranking import formula_rows
from splinework.interpret.symbolic.shortening import without_small_parts

A, B = symbol("a"), symbol("b")
NAMES = ("a", "b")
FORMS = {
    "product": A * B,
    "decay": sympy.exp(-A) * B,
    "quotient": A / (B + 1),
    "root": sympy.sqrt(A**2 + B**2),
}
RESTS = {
    "nothing": lambda a, b, draw: 0 * a,
    "noise": lambda a, b, draw: draw.normal(size=len(a)),
    "a wave": lambda a, b, draw: np.sin(7 * a + 3 * b + 1),
    "a bend": lambda a, b, draw: np.log(a + b**2) * np.cos(4 * b),
}
"""What is left of the data: a solver's error has structure, rounding has none."""


def target(form, rest, size, n=160):
    draw = np.random.default_rng(3)
    a, b = draw.uniform(1, 2, (2, n))
    x = np.column_stack([a, b])
    y = compile_expression(form, NAMES)(x)
    return FitTarget(x, y + size * y.std() * RESTS[rest](a, b, draw), NAMES)


def longer(form, size):
    """The formula with terms that imitate what is left, inside and outside, as searches offer it."""
    few = [
        A**2 * sympy.Float(1.3),
        sympy.sin(2 * A) * sympy.Float(-0.7),
        B**3 / A * sympy.Float(0.4),
        sympy.log(B) * 1.0,
    ]
    terms = [sympy.Float(1.0) * form, *(sympy.Float(size) * term for term in few)]
    return [sympy.Add(*terms[:n]) for n in (2, 3, 5)]


OFTEN = (("product", "a wave", 1e-6), ("decay", "noise", 1e-6))
CASES = [
    pytest.param(
        form, rest, size, id=f"{form}, {rest}, {size:g}",
        marks=() if (form, rest, size) in OFTEN else pytest.mark.slow,
    )
    for form in FORMS for rest in RESTS for size in ((1e-9, 1e-6) if rest != "nothing" else (0.0,))
]  # fmt: skip


@pytest.mark.quick(1)
@pytest.mark.parametrize(("form", "rest", "size"), CASES)
def test_the_short_formula_is_first_though_only_longer_ones_were_offered(form, rest, size):
    data = target(FORMS[form], rest, size)
    pool = Pool(data)
    for each in longer(FORMS[form], size or 1e-9):
        pool.offer(each)
    rows = formula_rows(pool, "y")
    assert sympy.simplify(rows[0].expression - FORMS[form]) == 0
    assert rows[0].rmse <= 1.1 * size * data.unit + 1e-12
    if rest.startswith("a "):  # the longer ones are there too, and closer
        assert min(row.rmse for row in rows) < 0.9 * rows[0].rmse


def test_a_term_of_a_true_formula_is_kept_however_small():
    form = A * B + sympy.Float(1e-7) * sympy.exp(2 * A)
    data = target(form, "nothing", 0.0)
    pool = Pool(data)
    pool.offer(form)
    first = formula_rows(pool, "y")[0]
    assert first.expression.has(sympy.exp)
    assert first.rmse < 1e-14


def test_what_noise_does_not_hide_is_kept():
    form = A * B + sympy.Float(1e-6) * sympy.sin(3 * B)
    data = target(form, "noise", 1e-8)
    pool = Pool(data)
    pool.offer(form)
    assert formula_rows(pool, "y")[0].expression.has(sympy.sin)


def test_small_parts_go_one_size_after_the_other():
    x = np.random.default_rng(0).uniform(1, 2, (50, 2))
    form = (
        A ** sympy.Float(2.0001) / (B + sympy.Float(1e-8) * A) + sympy.Float(1e-4) * sympy.sin(A) + sympy.Float(0.5) * B
    )
    found = list(without_small_parts(form, NAMES, x))
    assert [sympy.simplify(each - right) for each, right in zip(found, (
        form.subs(sympy.Float(1e-8) * A, 0),
        A ** sympy.Float(2.0001) / B + 0.5 * B,
        A**2 / B + 0.5 * B,
    ), strict=True)] == [0, 0, 0]  # fmt: skip


def test_a_pool_keeps_the_short_beside_many_long_ones():
    draw = np.random.default_rng(3)
    x = draw.uniform(1, 2, (160, 2))
    a, b = x.T
    rest = np.sin(7 * a + 3 * b + 1) + 0.3 * draw.normal(size=len(x))
    pool = Pool(FitTarget(x, a * b + 1e-4 * np.std(a * b) * rest, NAMES))
    pool.offer(A * B)
    for n in range(MAX_ENTRIES + 6):
        i, j = divmod(n, 6)
        pool.offer(A * B + sympy.Float(1e-4) * sympy.sin(7 * A + 3 * B + 1) * (1 + A**i * B**j / 10))
    assert len(pool.entries) > MAX_ENTRIES
    assert any(entry.expression == A * B for entry in pool.entries)
    best = formula_rows(pool, "y", rows=4)
    assert len(best) <= 4
    assert any(row.expression == A * B for row in best)


@pytest.mark.quick(1)
@pytest.mark.parametrize("noise", [0.01, pytest.param(0.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("imitation", "law"),
    [
        (lambda u: 7318.0 * sympy.atan(7318.0 * sympy.exp(u)) - 11494.1, lambda u: 1 - sympy.exp(-u)),
        (lambda u: 1e6 * sympy.tanh(7 + u / 2.0) - 999997.3, lambda u: 2.7 - 1.663 * sympy.exp(-u)),
    ],
)
def test_a_large_multiple_of_what_is_near_its_limit_gives_way_to_what_is_left_up_to_it(imitation, law, noise):
    draw = np.random.default_rng(0)
    x = draw.uniform(0.5, 5, (200, 2))
    y = compile_expression(B * law(1.28 * A / B), NAMES)(x)
    pool = Pool(FitTarget(x, y + noise * y.std() * draw.normal(size=200), NAMES))
    assert pool.offer(B * imitation(1.28 * A / B)) is not None
    best = formula_rows(pool, "y")[0]
    assert not best.expression.has(sympy.atan, sympy.tanh)
    assert best.complexity <= node_count(B * law(1.28 * A / B)) + 2
    assert max(abs(float(number)) for number in best.expression.atoms(sympy.Number)) < 10
