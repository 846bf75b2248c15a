"""The line search: whatever the function, the step fulfils the conditions, at about the price of scipy's."""

import math
import sys
import warnings

import pytest
from scipy.optimize._linesearch import scalar_search_wolfe1

from splinework.errors import ConfigError
from splinework.train.optim.wolfe import ROUNDING_FACTOR, strong_wolfe

TINY = ROUNDING_FACTOR * sys.float_info.epsilon


def quadratic(at, scale=1.0, offset=0.0):
    return lambda a: (offset + scale * (a - at) ** 2, 2 * scale * (a - at))


def only_before(wall, line, beyond=(math.nan, math.nan)):
    return lambda a: line(a) if a < wall else beyond


def bent(a):
    r = math.hypot(a - 2, 1e-4)
    return r, (a - 2) / r


def steep(a):
    try:
        return math.exp(50 * a) - 100 * a, 50 * math.exp(50 * a) - 100
    except OverflowError:
        return math.inf, math.inf


LINES = {
    "convex": quadratic(1.0),
    "far": quadratic(1e5),
    "near": quadratic(1e-6),
    "huge values": quadratic(0.3, 1e200),
    "tiny values": quadratic(0.3, 1e-200),
    "quartic": lambda a: ((a - 3) ** 4 + 0.1 * (a - 3) ** 2, 4 * (a - 3) ** 3 + 0.2 * (a - 3)),
    "almost a corner": bent,
    "steep": steep,
    "More and Thuente 1": lambda a: (-a / (a * a + 2), (a * a - 2) / (a * a + 2) ** 2),
    "More and Thuente 2": lambda a: (
        (a + 0.004) ** 5 - 2 * (a + 0.004) ** 4,
        5 * (a + 0.004) ** 4 - 8 * (a + 0.004) ** 3,
    ),
    "waves": lambda a: (0.05 * a * a - math.sin(6 * a), 0.1 * a - 6 * math.cos(6 * a)),
    "falling waves": lambda a: (0.01 * a * a - a - 0.3 * math.sin(7 * a), 0.02 * a - 1 - 2.1 * math.cos(7 * a)),
    "NaN beyond": only_before(0.02, quadratic(0.01)),
    "infinite beyond": only_before(0.02, quadratic(0.001), (math.inf, 1.0)),
    "minus infinity beyond": only_before(0.7, quadratic(0.5), (-math.inf, -1.0)),
    "NaN slope beyond": only_before(0.7, quadratic(0.5), (0.0, math.nan)),
    "barrier": lambda a: (-math.log(1 - a) - 3 * a, 1 / (1 - a) - 3) if a < 1 else (math.nan, math.nan),
    "rounding": quadratic(0.3, 1e-18, 1.0),
    "rounding, far": quadratic(300.0, 1e-22, 1.0),
    "coarse rounding": quadratic(1e-3, 1e-4, 1e10),
}

every_line = pytest.mark.parametrize("name", LINES)


@every_line
@pytest.mark.parametrize("first", [1.0, 1e-3, 30.0])
@pytest.mark.parametrize("c2", [0.9, 0.1])
def test_the_step_fulfils_the_conditions(name, first, c2):
    line, c1 = LINES[name], 1e-4
    value, slope = line(0.0)
    found = strong_wolfe(line, value, slope, first=first, c1=c1, c2=c2)
    assert found.met
    assert found.step > 0
    assert (found.value, found.slope) == line(found.step)
    assert abs(found.slope) <= -c2 * slope
    lower = found.value <= value + c1 * found.step * slope
    equal = abs(found.value - value) <= TINY * abs(value)
    assert lower or (equal and found.slope <= (2 * c1 - 1) * slope)


@every_line
def test_it_counts_what_it_evaluates_and_takes_no_more_than_allowed(name):
    calls: list[float] = []

    def counted(step: float) -> tuple[float, float]:
        calls.append(step)
        return LINES[name](step)

    value, slope = LINES[name](0.0)
    found = strong_wolfe(counted, value, slope)
    assert found.evaluations == len(calls) <= 15
    for most in (1, 2, 3):
        calls.clear()
        few = strong_wolfe(counted, value, slope, most=most)
        assert few.evaluations == len(calls) <= most
        assert few.step == 0 or few.value <= value * (1 + TINY)


@pytest.mark.parametrize("c2", [0.9, 0.1])
def test_it_costs_about_as_much_as_the_search_of_scipy(c2):
    ours = theirs = 0
    for line in LINES.values():
        value, slope = line(0.0)
        calls: list[float] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step = scalar_search_wolfe1(
                lambda a, line=line, calls=calls: calls.append(a) or line(a)[0],
                lambda a, line=line: line(a)[1],
                value,
                None,
                slope,
                c1=1e-4,
                c2=c2,
            )[0]
        if step is not None and math.isfinite(line(step)[0]):  # it does not always find one
            ours += strong_wolfe(line, value, slope, c2=c2).evaluations
            theirs += len(calls)
    assert ours <= 1.3 * theirs


@pytest.mark.parametrize("line", [lambda a: (-a, -1.0), only_before(1.0, lambda a: (-a, -1.0))], ids=["ray", "wall"])
def test_without_a_minimum_the_lowest_point_found_is_taken(line):
    found = strong_wolfe(line, 0.0, -1.0)
    assert not found.met
    assert found.value < -0.5


def test_where_the_slope_lies_nothing_is_moved():
    found = strong_wolfe(lambda a: (1 + a, 1.0), 1.0, -1.0)
    assert not found.met
    assert found.step == 0
    assert found.value == 1.0


@pytest.mark.parametrize(
    ("value", "slope", "options", "told"),
    [
        (1.0, 0.0, {}, "negative slope"),
        (1.0, math.nan, {}, "negative slope"),
        (math.inf, -1.0, {}, "finite value"),
        (1.0, -1.0, {"first": 0.0}, "first step"),
        (1.0, -1.0, {"c1": 0.95}, "c1 < c2"),
    ],
)
def test_what_is_no_descent_is_refused(value, slope, options, told):
    with pytest.raises(ConfigError, match=told):
        strong_wolfe(quadratic(1.0), value, slope, **options)
