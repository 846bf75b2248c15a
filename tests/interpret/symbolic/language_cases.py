"""Expressions that every language must give the same numbers for, with points and the numbers."""

from functools import cache

import numpy as np
import sympy
from hypothesis import strategies as st

from splinework.interpret.symbolic.expression import compile_expression, compiled, symbol
from splinework.interpret.symbolic.library import LIBRARY

NAMES = ("x1", "x2")
X, Y = (symbol(name) for name in NAMES)
POINTS = np.random.default_rng(5).uniform(0.15, 1.9, (12, 2)) * np.where(np.arange(12)[:, None] % 3 == 2, -1, 1)


class Table:
    """A spline's table, as `NamedSpline` gives one."""

    def __init__(self, seed=0):
        draw = np.random.default_rng(seed)
        self.places = np.sort(draw.uniform(-1, 1, 9))
        self.values = draw.normal(size=9)

    def table(self):
        return self.places, self.values

    def __call__(self, raw):
        return np.interp(raw, self.places, self.values)


SPLINES = {"spline_1": Table(1), "spline_2": Table(2)}


@cache
def special_cases():
    """Name -> expression: numbers, signs, powers, functions beyond the library."""
    third = sympy.Rational(1, 3)
    found = {
        "numbers": third * X + sympy.pi * Y + sympy.sqrt(2) * X * Y + 1 / sympy.sqrt(2 * sympy.pi) - sympy.E * Y,
        "fractions": sympy.Rational(1, 2) * X + sympy.Rational(7, 3) / Y - sympy.Rational(1, 2),
        "tiny": sympy.Float(1.2345678901234567e-200) * X * 1e190 + sympy.Float(1.5e300) * Y / 1e295 + 123456789,
        "minus a square": -(X**2) + 3,
        "minus a square in a call": sympy.exp(-(X**2)) * sympy.cos(-(Y**2) / 7),
        "minus a product of powers": -(X**2) * Y**3 - X**2,
        "minus a power of a number": -(sympy.Integer(2) ** X) - sympy.Float(2.5) ** -Y,
        "square of a minus": (-sympy.Float(2.5)) ** 2 * X + (-X - Y) ** 2 / (X - 3) ** 2,
        "power of a power": (X**2 + 1) ** (Y**2) + 2 ** (3**X),
        "powers of a tower": (X**2 + 2) ** ((Y**2 + 1) ** third),
        "odd root": X**third + Y ** sympy.Rational(2, 3),
        "root with a sign": sympy.sign(X) * sympy.Abs(X) ** third,
        "negative rational powers": X ** sympy.Rational(-5, 2) * Y**-2 - 1 / X + X**-3,
        "float powers": sympy.Abs(X) ** sympy.Float(0.37) / sympy.Abs(Y) ** sympy.Float(1.5) + X ** sympy.Float(2.0),
        "quotient of quotients": X / (Y / (X + 3)) - 1 / (1 + 1 / (1 + X**2)),
        "differences": X - (Y - (X - 2 * Y)) - (1 - X),
        "extremes": sympy.Min(X, 1, Y) + sympy.Max(X, Y, sympy.Rational(1, 4)) * sympy.Min(Y, 2),
        "pieces": sympy.Piecewise((X**2, sympy.Rational(1, 2) > X), (sympy.sin(X), X < 1), (Y, True)),
        "pieces of two": sympy.Piecewise((X, (X > 0) & (Y <= 1)), (-Y, (X < -1) | (Y > 1)), (0, True)) - 2,
        "pieces of numbers": sympy.Piecewise((sympy.Float(0.1), X > Y), (sympy.Float(0.7), True)) * X,
        "step": sympy.Heaviside(X) * Y + sympy.sign(Y - X) + sympy.sign(X - X**2),
        "sinc": sympy.sinc(2 * X) + sympy.sin(Y) / Y,
        "inverse": sympy.asin(X / 2) + sympy.acos(Y / 2) + sympy.atan(X) + sympy.asinh(Y) + sympy.acosh(X**2 + 1),
        "inverse tangent of two": sympy.atan2(X, Y) + sympy.atanh(Y / 2),
        "trigonometric rest": sympy.sec(X)
        + sympy.cot(Y)
        + sympy.csc(X / 2)
        + sympy.sech(X)
        + sympy.coth(Y)
        + sympy.csch(X),
        "hyperbolic": sympy.sinh(X) + sympy.cosh(Y) * sympy.tanh(X * Y),
        "steps": sympy.floor(3 * X) + sympy.ceiling(2 * Y),
        "error functions": sympy.erf(X) + sympy.erfc(Y / 3),
        "gamma": sympy.gamma(X**2 + 1) + sympy.gamma(Y / 3) / 5,
        "log of gamma": sympy.loggamma(X**2 + Y**2),
        "bessel j": sympy.besselj(0, X) + sympy.besselj(1, Y) * sympy.besselj(3, 2 * X),
        "bessel y": sympy.bessely(0, X**2 + 1) + sympy.bessely(1, Y**2 + 2) - sympy.bessely(2, X**2 + 3),
        "bessel i": sympy.besseli(0, X) + sympy.besseli(1, Y) * sympy.besseli(2, X),
        "bessel k": sympy.besselk(0, X**2) + sympy.besselk(1, Y**2 + 1) - sympy.besselk(2, Y**2),
        "logarithms": sympy.log(X**2) / sympy.log(10) + sympy.log(1 + sympy.exp(Y)),
        "constant": sympy.sqrt(2) + sympy.pi / 3,
        "number": sympy.Float(-1.25),
        "one column": sympy.Float(2.0) * sympy.sin(Y) ** 2,
        "digamma": sympy.digamma(X**2 + sympy.Rational(1, 5)) + sympy.digamma(Y),
    }
    return found


@cache
def family():
    """Name -> expression: the special ones, every function of the library, and a sixteenth of all pairs."""
    found = dict(special_cases())
    for i, f in enumerate(LIBRARY):
        found[f"{f.name} of a column"] = sympy.Float(1.3) * f.build(sympy.Float(0.7) * X + sympy.Float(0.4)) - Y / 3
        for j, g in enumerate(LIBRARY):
            if (i + 3 * j) % 16 == 0:
                found[f"{f.name}({g.name})"] = f.build(sympy.Float(0.6) * g.build(sympy.Float(0.7) * X) + Y / 5)
    return found


def numbers(found, points=POINTS):
    """Their numbers at the points, by numpy; many at once, for sympy takes long to prepare each."""
    values = []
    with np.errstate(all="ignore"):
        for start in range(0, len(found), 50):
            values += compiled([X, Y], list(found[start : start + 50]))(*points.T)
    return [np.where(np.isreal(v), np.real(v), np.nan) * np.ones(len(points)) for v in values]


@cache
def truths():
    """Name -> numbers at `POINTS`, and how far they move with the last digits of the points."""
    steps = (1, 1 + 2e-16, 1 - 4e-16)
    values = numbers(list(family().values()), np.concatenate([POINTS * step for step in steps]))
    found = {}
    for name, value in zip(family(), values, strict=True):
        truth, *near = np.split(value, len(steps))
        found[name] = truth, np.max([np.abs(n - truth) for n in near], axis=0)
    return found


def agrees(found, truth, slack=0.0, tolerance=1e-12):
    """Whether numbers are equal to the tolerance, and no number where there is none."""
    found = np.broadcast_to(np.asarray(found, float), truth.shape)
    sound = np.isfinite(truth) & (np.abs(truth) < 1e290)
    allowed = tolerance * np.maximum(np.abs(truth), 1e-3) + 8 * np.nan_to_num(slack)
    return bool((np.abs(found - truth) <= allowed)[sound].all()) and not np.isfinite(found[np.isnan(truth)]).any()


def for_excel(cases):
    """Those that Excel has: no ψ, and ln Γ right of zero only."""
    return {
        n: e
        for n, e in cases.items()
        if not (e.has(sympy.polygamma) or (e.has(sympy.loggamma) and n != "log of gamma"))
    }


def disagreements(evaluate, *, cases=None, tolerance=1e-12):
    """Names of the family's expressions whose numbers `evaluate(expressions)` misses."""
    kept = family() if cases is None else cases
    values = dict(zip(kept, evaluate(list(kept.values())), strict=True))
    return [name for name in kept if not agrees(values[name], *truths()[name], tolerance)]


def expressions():
    """Hypothesis: expressions over two columns."""
    whole = st.integers(-5, 5).map(sympy.Integer)
    ratio = st.builds(sympy.Rational, st.integers(-9, 9), st.integers(1, 9))
    numbers = st.floats(-9, 9, allow_subnormal=False).filter(lambda v: abs(v) > 1e-3).map(sympy.Float)
    leaves = st.sampled_from([X, Y, sympy.pi, sympy.E]) | whole | ratio | numbers
    functions = st.sampled_from(
        [sympy.sin, sympy.cos, sympy.exp, sympy.atan, sympy.tanh, sympy.erf, sympy.Abs, sympy.asinh]
    )

    def more(inner):
        return (
            st.builds(sympy.Add, inner, inner)
            | st.builds(sympy.Mul, inner, inner)
            | st.builds(lambda a, b: a - b, inner, inner)
            | st.builds(lambda a, b: a / (b**2 + 1), inner, inner)
            | st.builds(lambda a, n: a**n, inner, st.integers(-3, 4))
            | st.builds(lambda a, n: (a**2 + 1) ** n, inner, ratio)
            | st.builds(lambda f, a: f(a), functions, inner)
            | st.builds(lambda a, b, c: sympy.Piecewise((a, c < X), (b, True)), inner, inner, ratio)
            | st.builds(sympy.Min, inner, inner)
        )

    return st.recursive(leaves, more, max_leaves=12).filter(is_tame)


def is_tame(expression):
    """Whether rounding cannot show at 1e-12: no part is huge, nothing cancels, and the value does not hang on the last digit."""
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I) or expression.is_real is False:
        return False
    parts = [e for e in sympy.preorder_traversal(expression) if isinstance(e, sympy.Expr)][:200]
    parts = [e for e in parts if not isinstance(e, sympy.functions.elementary.piecewise.ExprCondPair)]
    with np.errstate(all="ignore"):
        values = [np.broadcast_to(v, 12) for v in compiled([X, Y], parts)(*POINTS.T)]
        near = compile_expression(expression, NAMES)(POINTS * (1 + 4e-15))
    if any(np.iscomplexobj(v) or not np.isfinite(v).all() for v in values):
        return False
    size, value = np.max(np.abs(values), axis=0), values[0]
    return bool(
        (size < 1e8).all()
        and (np.abs(value) > 1e-2 * size).all()
        and (np.abs(near - value) < 1e-13 * np.abs(value)).all()
    )
