"""Laws of partial formulas: what was planted is found, constants and unknown parts alike; what cannot be is told."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray

from splinework.discover.partial import complete_formula
from splinework.errors import DataError, FormulaError, ShapeError
from splinework.formula.parse import parse_formula
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

Array = NDArray[np.float64]
NAMES = ("x1", "x2", "x3")


def rows(n: int = 120, *, seed: int = 0, low: float = 0.5, high: float = 2.5) -> Array:
    return np.random.default_rng(seed).uniform(low, high, (n, len(NAMES)))


def _terms(names: Sequence[str]) -> list[Any]:
    columns = [symbol(name) for name in names]
    alone = [
        f(x) for x in columns for f in (lambda x: x, lambda x: x**2, lambda x: 1 / x, sympy.sin, sympy.log, sympy.exp)
    ]
    pairs = [f(a, b) for a, b in itertools.permutations(columns, 2) for f in (lambda a, b: a * b, lambda a, b: a / b)]
    return list(dict.fromkeys([*alone, *pairs]))


def pairs_of_terms(
    x: Any, y: Any, *, names: Sequence[str], target: str, weights: Any = None, **rest: Any
) -> FormulaTable:
    """A search that is quick and sees little: sums of at most two terms and a constant, by least squares."""
    scale = np.sqrt(np.ones(len(y)) if weights is None else weights)
    terms = [sympy.Integer(1), *_terms(names)]
    columns = np.stack([compile_expression(term, names)(x) * scale for term in terms], -1)
    goal = y * scale
    found = []
    for size in (0, 1, 2):
        choices = np.array([(0, *chosen) for chosen in itertools.combinations(range(1, len(terms)), size)])
        length = np.linalg.norm(columns, axis=0)
        gram, side = (columns / length).T @ (columns / length), (columns / length).T @ goal
        normal = gram[choices[:, :, None], choices[:, None, :]] + 1e-13 * np.eye(size + 1)
        gain = (np.linalg.solve(normal, side[choices][:, :, None])[..., 0] * side[choices]).sum(1)
        best = (np.inf, sympy.Integer(0))
        for chosen in choices[np.argsort(-gain)[:5]]:
            numbers = np.linalg.lstsq(columns[:, chosen], goal, rcond=None)[0]
            left = float(((columns[:, chosen] @ numbers - goal) ** 2).mean())
            exact = [sympy.Float(n) if abs(n - round(n)) > 1e-6 else sympy.Integer(round(n)) for n in numbers]
            best = min(
                best, (left, sympy.Add(*(n * terms[t] for n, t in zip(exact, chosen, strict=True)))), key=lambda b: b[0]
            )
        rss, expression = best
        length_in_nats = len(y) / 2 * np.log(rss + 1e-18) + 5 * size
        found.append(FormulaRow(target, expression, tuple(names), rss**0.5, 0.0, length_in_nats))
    return FormulaTable(tuple(sorted(found, key=lambda row: row.description)))


def completed(
    form: str, truth: str, *, x: Array | None = None, noise: float = 0.0, **options: Any
) -> tuple[FormulaTable, float]:
    """The table of a form on data of a planted formula, and the largest relative error of its best row on other rows."""
    x = rows() if x is None else x
    law = compile_expression(parse_formula(truth, NAMES), NAMES)
    y = law(x)
    y = y + noise * y.std() * np.random.default_rng(1).standard_normal(len(y))
    table = complete_formula(form, x, y, names=NAMES, search=pairs_of_terms, budget=20, **options)
    fresh = rows(seed=9, low=float(x.min()), high=float(x.max()))
    return table, float(np.abs(table.numpy()(fresh) - law(fresh)).max() / law(fresh).std())


@pytest.mark.parametrize(
    ("form", "truth"),
    [
        ("y = ?", "2*x1**2 + sin(x2)"),
        ("y = A*exp(?)*x2", "3.7*exp(x1 - 2*x3)*x2"),
        ("y = A*exp(?)*x2", "-0.5*exp(sin(x1) + x3)*x2"),
        ("y = sqrt(? + x3**2)", "sqrt(2*x1**2 + 3*x2 + x3**2)"),
        pytest.param("y = A*sqrt(? + x3**2)", "1.7*sqrt(x1**2 + x2 + x3**2)", marks=pytest.mark.slow),
        ("y = A*sqrt(? + x3**2)", "1.7*sqrt(x1*x2 + x3**2)"),
        ("y = A*? + B", "2.5*x1*x2 + 1.5"),
        ("y = log(A*?) + x1", "log(3*x2*x3) + x1"),
        pytest.param("y = A*?**B", "2*(x1 + x2)**1.7", marks=pytest.mark.slow),
        ("y = 1/(A + ?)", "1/(2.3 + x1*x3)"),
        ("y = x1/(1 + ?(x2))", "x1/(1 + x2**2)"),
        ("y = x1*sin(?(x2, x3))", "x1*sin(0.2*x2*x3)"),
        pytest.param("y = exp(-?) + B", "exp(-x1*x2) + 3.3", marks=pytest.mark.slow),
        ("y = exp(-?(x1)) + B*x2", "exp(-x1**2) + 3.3*x2"),
        pytest.param("y = tanh(?) * A", "0.8*tanh(0.5*x1/x2)", marks=pytest.mark.slow),
        ("y = (?)**2", "(x1 + 2*x2)**2"),
        ("y = abs(?)", "abs(x1/x2 + 1)"),
        ("y = A**?", "2.5**(x1 + x2)"),
        ("y = x3**?(x1)", "x3**(1/x1)"),
        pytest.param("y = arctan(x1*?) + A*x2", "arctan(x1*x3) + 0.3*x2", marks=pytest.mark.slow),
    ],
)
def test_one_unknown_part_is_found(form: str, truth: str) -> None:
    table, error = completed(form, truth)
    assert error < 1e-6, table


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    ("form", "truth"),
    [
        ("y = ?(x1) + B*?(x2)", "sin(x1) + 2.5*log(x2)"),
        ("y = ?(x1)*?(x2)", "(1 + x1**2)*(3 + sin(x2))"),
        ("y = ?(x1) + x2*?(x1)", "sin(x1) + x2*x1**2"),
        ("y = exp(?(x1))*?(x2) ", "exp(1/x1)*(x2 + 2)"),
        ("y = ?(x1) + ?(x2) + ?(x3)", "x1**2 + sin(x2) + 2*exp(x3)"),
        ("y = A*?(x1)/?(x2, x3)", "3*x1**2/(x2*x3 + 1)"),
        ("y = sqrt(?(x1) + ?(x2))", "sqrt(x1**2 + exp(x2))"),
        ("y = ?(x1)*exp(-A*x3) + ?(x2)", "x1**2*exp(-1.3*x3) + sin(x2)"),
    ],
)
def test_several_unknown_parts_are_found(form: str, truth: str) -> None:
    table, error = completed(form, truth, x=rows(400))
    assert error < 1e-6, table


@pytest.mark.parametrize(
    ("form", "truth"),
    [
        ("y = A*exp(-B*x1) + C", "2.5*exp(-1.3*x1) + 0.4"),
        ("y = A*x1**B*x2**C", "2.5*x1**1.5*x2**(-2)"),
        ("y = A*sin(B*x1 + C)", "1.7*sin(2.2*x1 + 0.6)"),
        ("y = x1/(A + x2)", "x1/(2.75 + x2)"),
        ("y = A*x1 + B*x2 + C*x3 + D", "x1 - 2*x2 + 0.3*x3 + 7"),
        ("y = 2*x1 + x2", "2*x1 + x2"),
        ("y = A*exp(-B*x1) + C", "2.5e9*exp(-1.3*x1) + 4e8"),
    ],
)
def test_a_form_without_unknown_parts_is_fitted(form: str, truth: str) -> None:
    table, error = completed(form, truth)
    assert error < 1e-7, table


def test_the_notes_tell_what_constants_and_parts_have_become() -> None:
    table, _ = completed("y = A*exp(?)*x2", "3.7*exp(x1 - 2*x3)*x2")
    assert "A = 3.7" in table.best.notes[0]
    assert "? = x1 - 2*x3" in table.best.notes[0]
    table, _ = completed("y = A*exp(-B*x1) + C", "2.5*exp(-1.3*x1) + 0.4")
    assert table.best.notes[0] == "A = 2.5, B = 1.3, C = 0.4"


@pytest.mark.parametrize("noise", [pytest.param(0.001, marks=pytest.mark.slow), 0.01])
@pytest.mark.parametrize(
    ("form", "truth"),
    [
        pytest.param("y = A*exp(?)*x2", "3.7*exp(x1 - 2*x3)*x2", marks=pytest.mark.slow),
        ("y = sqrt(? + x3**2)", "sqrt(2*x1**2 + 3*x2 + x3**2)"),
        pytest.param("y = ?(x1) + B*?(x2)", "sin(x1) + 2.5*log(x2)", marks=pytest.mark.slow),
    ],
)
def test_noise_is_borne(form: str, truth: str, noise: float) -> None:
    table, error = completed(form, truth, noise=noise, x=rows(300))
    assert error < noise, table


def test_rows_where_a_part_is_undefined_are_dropped_and_counted() -> None:
    x = rows()
    y = np.exp(x[:, 0]) * x[:, 1]
    y[:7] = -1.0
    table = complete_formula("y = exp(?(x1))*x2", x, y, names=NAMES, search=pairs_of_terms)
    assert any("undefined on 7 of 120 rows" in note for note in table.best.notes)


@pytest.mark.parametrize(
    ("form", "error", "told"),
    [
        ("y = gamma(?)", FormulaError, "has no inverse"),
        ("y = ?(x1) + ?(x1)", FormulaError, "cannot be distinguished"),
        ("y = ? + ?", FormulaError, "cannot be distinguished"),
        ("y = arctan2(?(x1), ?(x2))", FormulaError, "no inverse|meet in"),
        ("y = maximum(?(x1), x2)", FormulaError, "no inverse"),
        ("y = x9 + ?", FormulaError, "x9"),
        ("y = log(-exp(?))", DataError, "cannot be completed"),
        ("y = 0*?", FormulaError, "cancels"),
    ],
)
def test_what_cannot_be_completed_is_told(form: str, error: type[Exception], told: str) -> None:
    x = rows(100)
    with pytest.raises(error, match=told):
        complete_formula(form, x, x[:, 0] ** 2 + x[:, 1], names=NAMES, search=pairs_of_terms)


def test_data_that_do_not_fit_are_refused() -> None:
    x = rows(50)
    with pytest.raises(ShapeError, match="50"):
        complete_formula("?", x, x[:9, 0], names=NAMES, search=pairs_of_terms)
    with pytest.raises(DataError, match="finite"):
        complete_formula("?", x, np.where(np.arange(50) == 3, np.nan, x[:, 0]), names=NAMES, search=pairs_of_terms)
    with pytest.raises(DataError, match="every row"):
        complete_formula("?", x, np.ones(50), names=NAMES, search=pairs_of_terms)
    with pytest.raises(DataError, match="at least 8"):
        complete_formula("?", x[:5], x[:5, 0], names=NAMES, search=pairs_of_terms)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "truth"),
    [
        ("y = A*exp(?)*x2", "3.7*exp(x1 - 2*x3)*x2"),
        ("y = exp(-?(x1)) + B*x2", "exp(-x1**2) + 3.3*x2"),
        ("y = ?(x1) + B*?(x2)", "sin(2*x1) + 2.5*log(x2)"),
    ],
)
def test_with_the_search_of_the_package(form: str, truth: str) -> None:
    x = rows(400)
    law = compile_expression(parse_formula(truth, NAMES), NAMES)
    table = complete_formula(form, x, law(x), names=NAMES, budget=30)
    assert np.abs(table.numpy()(rows(seed=4)) - law(rows(seed=4))).max() < 1e-6


def test_a_part_may_stay_a_spline() -> None:
    """What the library cannot describe is put in as it is, and numbered by its part."""

    class Bump:
        size = 9

        def __call__(self, raw: Array) -> Array:
            return np.asarray(np.exp(-((raw - 1.5) ** 4)))

    def search(x: Any, y: Any, *, names: Sequence[str], target: str, **rest: Any) -> FormulaTable:
        found = pairs_of_terms(x, y, names=names, target=target, **rest)
        if names != ("x2",) and names != ["x2"]:
            return found
        spline = sympy.Function("spline_1", real=True)(symbol("x2"))
        scale, level = np.polyfit(Bump()(x[:, 0]), y, 1)
        expression = sympy.Float(scale) * spline + sympy.Float(level)
        row = FormulaRow(target, expression, tuple(names), 0.0, 1.0, -1e9, (), {"spline_1": Bump()})  # type: ignore[dict-item]
        return FormulaTable((row, *found.rows))

    x = rows(300)
    y = x[:, 0] ** 2 + 3 * Bump()(x[:, 1])
    table = complete_formula("y = ?(x1) + A*?(x2)", x, y, names=NAMES, search=search)
    assert list(table.best.splines) == ["spline_101"]
    assert np.abs(table.numpy()(x) - y).max() < 1e-9


def test_an_interruption_keeps_what_was_found() -> None:
    calls: list[int] = []

    def search(*arguments: Any, **options: Any) -> FormulaTable:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return pairs_of_terms(*arguments, **options)

    x = rows()
    y = np.tanh(x[:, 0] * x[:, 1] * x[:, 2]) + np.cosh(x[:, 1] - 1)
    table = complete_formula("y = ?(x1, x3) + B*?(x2)", x, y, names=NAMES, search=search)
    assert len(table) >= 1
    assert any("interrupted" in note for note in table.notes)


def test_no_time_still_gives_a_formula() -> None:
    x = rows()
    table = complete_formula(
        "y = A*?(x1) + ?(x2)", x, np.tanh(x[:, 0]) + x[:, 1] ** 2.2, names=NAMES, search=pairs_of_terms, budget=1e-3
    )
    assert len(table) >= 1
    assert any("time ran out" in note for note in table.notes)


def test_weights_leave_out_what_counts_nothing() -> None:
    x = rows()
    y = 3.7 * np.exp(x[:, 0] - 2 * x[:, 2]) * x[:, 1]
    wrong = np.arange(len(y)) % 10 == 0
    table = complete_formula(
        "y = A*exp(?)*x2", x, np.where(wrong, 5 * y, y), names=NAMES, weights=~wrong, search=pairs_of_terms
    )
    assert np.abs(table.numpy()(x) - y).max() < 1e-9
    with pytest.raises(DataError, match="weight"):
        complete_formula("y = A*x1", x, y, names=NAMES, weights=-np.ones(len(y)), search=pairs_of_terms)


def test_the_noise_of_a_part_is_that_of_y_over_the_slope() -> None:
    levels: list[Any] = []

    def search(x: Any, y: Any, *, noise: Any = -1.0, **rest: Any) -> FormulaTable:
        levels.append(noise)
        return pairs_of_terms(x, y, **rest)

    x = rows()
    y = 4 * (x[:, 0] + x[:, 1])
    complete_formula("y = 4*?", x, y, names=NAMES, noise=0.2, search=search)
    complete_formula("y = 4*?", x, y, names=NAMES, search=search)
    assert levels == [pytest.approx(0.05), None]
