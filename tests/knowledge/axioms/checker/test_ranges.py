"""The checker's functions of ranges, and where they have values; its arithmetic has its laws with the prover's."""

import mpmath
import numpy as np
import pytest

from splinework.knowledge.axioms.checker.functions import CURVES, SeriesOperations, power
from splinework.knowledge.axioms.checker.ranges import Range, constant, variables
from splinework.knowledge.axioms.checker.series import variable
from tests.families import every


@every(
    ("name", "low", "high", "wanted"),
    [
        ("abs", -2, 3, [(0, 3), (-1, 1), (0, np.inf)]),
        ("abs", -3, -2, [(2, 3), (-1, -1), (0, 0)]),
        ("abs", 0, 2, [(0, 2), (1, 1), (0, np.inf)]),
        ("abs", -2, 0, [(0, 2), (-1, -1), (0, np.inf)]),
        ("abs", 0, 0, [(0, 0), (-1, 1), (0, np.inf)]),
        ("floor", 0.2, 0.9, [(0, 0), (0, 0), (0, 0)]),
        ("floor", 0.2, 1, [(0, 1), (0, np.inf), (-np.inf, np.inf)]),
        ("sign", 1, 2, [(1, 1), (0, 0), (0, 0)]),
        ("sign", -2, -0.5, [(-1, -1), (0, 0), (0, 0)]),
        ("sign", 0.5, 2, [(1, 1), (0, 0), (0, 0)]),
        ("sign", -2, 0, [(-1, 0), (0, np.inf), (-np.inf, np.inf)]),
        ("sign", 0, 2, [(0, 1), (0, np.inf), (-np.inf, np.inf)]),
    ],
)
def test_kinks_and_jumps_count_on_closed_ranges(name, low, high, wanted):
    found = CURVES[name](Range(np.array([float(low)]), np.array([float(high)])))
    assert [(part.lo.item(), part.hi.item()) for part in found[:3]] == wanted


@every(
    ("name", "inside", "outside"),
    [
        ("sqrt", (0, 1), (-1e-9, 1)),
        ("log", (1e-9, 1), (0, 1)),
        ("asin", (-1, 1), (-1, 1.1)),
        ("acos", (-1, 1), (-1.1, 1)),
        ("atanh", (-0.9, 0.9), (0, 1)),
        ("acosh", (1, 2), (0.9, 2)),
        ("reciprocal", (1e-9, 1), (0, 1)),
        ("tan", (-0.5, 0.5), (1.5, 1.6)),
        ("gamma", (0.1, 2), (0, 2)),
    ],
)
def test_a_function_says_where_it_has_a_value(name, inside, outside):
    ends = [np.array([float(inside[k]), float(outside[k])]) for k in (0, 1)]
    assert CURVES[name](Range(*ends)).sound.tolist() == [True, False]


@pytest.mark.parametrize(
    ("exponent", "sound"), [(0.5, [True, True, False]), (-0.5, [True, False, False]), (2.0, [True] * 3)]
)
def test_a_power_says_where_it_has_a_value(exponent, sound):
    x = variables(np.array([[0.5], [0.0], [-0.5]]), np.array([[1.0], [1.0], [1.0]]), 2, ((0, 0),))
    assert power(x.part(0), constant(x, exponent)).sound.tolist() == sound
    moving = variables(np.full((3, 1), exponent), np.full((3, 1), exponent), 2, ((0, 0),)).part(0)
    slope = power(x.part(0), moving).d  # of an exponent that is a variable, too: x^p log x
    assert slope.hi[0].item() > exponent * 0.5 ** (exponent - 1) + 0.5**exponent * np.log(0.5) - 1e-12
    assert not power(x.part(0), moving).sound[1:].any()


@pytest.mark.parametrize("name", ["exp", "sin", "cos", "tanh", "sigmoid", "erfc", "log", "sqrt"])
def test_taylor_series_hold_all_derivatives(name):
    """Of `g(x²/2 + 1/2)`, on short ranges, against differences in 60 digits."""
    x = np.array([0.3, 1.1, 2.0])
    held = Range(x - 1e-6, x + 1e-6)
    u = variable(held, 5)
    series = getattr(SeriesOperations(x.shape, 5), name)((u * u + 1) / 2)
    function = {"sigmoid": lambda t: 1 / (1 + mpmath.exp(-t))}.get(name) or getattr(mpmath, name)
    with mpmath.workdps(60):
        for order in range(6):
            found = series.derivative(order)
            for k, point in enumerate(x):
                true = mpmath.diff(lambda t: function((t * t + 1) / 2), mpmath.mpf(point), order)
                assert found.lo[k] <= true <= found.hi[k]
                assert found.hi[k] - found.lo[k] < 5e-3 * (1 + abs(float(true)))
