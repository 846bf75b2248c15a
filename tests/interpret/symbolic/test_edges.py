"""Fitting the library to the curve of one edge."""

import math

import numpy as np
import pytest

from splinework.interpret.symbolic.edges import EFFORTS, edge_candidates, posterior, score
from splinework.interpret.symbolic.library import BY_NAME, LIBRARY, RATE
from splinework.interpret.symbolic.starting_points import binned, periodogram, sine_starts
from tests.interpret.symbolic.cases import generator, planted, relative

EQUAL = 1e-12
"""Shares of variance below this count as equally good (the default `floor`)."""


def curve(name="exp", seed=0, count=256):
    """A planted function: points, values, what was planted."""
    draw = generator(seed)
    function = BY_NAME[name]
    low, high, a, b = planted(function, draw)
    x = np.sort(draw.uniform(low, high, count))
    c, d = draw.choice([-1, 1]) * 10 ** draw.uniform(-2, 2), draw.normal()
    return x, c * (function.value(a * x + b) + d), (a, b, c, c * d)


def fitted(x, y, library=LIBRARY):
    return edge_candidates(x, y, np.ones_like(x), library)


@pytest.mark.parametrize("level", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("folds", [3.0, 14.3, 22.0, 25.1, 31.7, 39.4])
def test_an_exponential_is_found_by_a_first_look_however_fast_it_is(folds, level):
    """With relative errors, as of a target over many decades: neighbouring rates are other curves."""
    x = np.sort(generator(0).uniform(0, 1, 300))
    y = level * (np.exp(folds * (x - 0.2)) + 0.3)
    best = edge_candidates(x, y, y**-2.0, LIBRARY, efforts=EFFORTS[:1])[0]
    assert np.abs(best(x) / y - 1).max() < 1e-6


@pytest.mark.parametrize("name", [f.name for f in LIBRARY])
def test_a_planted_function_is_found_whatever_its_constants(name):
    for seed in range(3):
        x, y, _ = curve(name, seed)
        best = fitted(x, y)[0]
        assert best.unexplained <= EQUAL
        assert relative(best(x), y) <= 1e-5


def test_the_planted_name_wins_nearly_always():
    """One that another equals to 1e-12 on the range (cosh and exp, far out) may be called by the other's name."""
    named = sum(fitted(*curve(f.name, 9)[:2])[0].function.name == f.name for f in LIBRARY)
    assert named >= len(LIBRARY) - 3


@pytest.mark.parametrize("name", ["x", "x^2", "1/x", "sqrt", "log", "exp", "sin", "tanh", "gaussian", "arcsin"])
def test_constants_are_found_to_their_last_digits(name):
    x, y, (a, b, _, _) = curve(name, 3)
    best = fitted(x, y)[0]
    assert best.function.name == name
    assert best.unexplained <= 1e-22
    if name in ("x^2", "1/x", "sqrt", "log", "x"):
        assert (best.a, best.b) == pytest.approx((a, b), rel=1e-8, abs=1e-8 * np.ptp(x))
    else:
        assert abs(best.a) == pytest.approx(abs(a), rel=1e-7)
    assert relative(best(x), y) <= 1e-10


@pytest.mark.parametrize("name", ["sin", "tanh", "exp", "1/x", "x^2"])
def test_noise_of_five_percent_does_not_hide_a_function(name):
    found = 0
    for seed in range(3):
        x, y, _ = curve(name, seed, 1000)
        x, y = x[::4], (y + 0.05 * y.std() * generator(seed + 50).normal(size=1000))[::4]
        best = fitted(x, y)[0]
        clean = curve(name, seed, 1000)[1][::4]
        found += bool(np.sqrt(((best(x) - clean) ** 2).mean()) < 0.02 * clean.std())
    assert found == 3


@pytest.mark.parametrize("name", ["sin", "exp", "log", "lorentzian", "j0"])
@pytest.mark.parametrize(("factor", "offset"), [(1e-12, 0.0), (-3e9, 0.0), (0.7, 40.0)])
def test_scale_and_offset_of_the_values_change_neither_ranking_nor_what_is_left(name, factor, offset):
    x, y, _ = curve(name, 1)
    y = y / y.std() + 0.01 * np.sin(40 * np.arange(len(x)))
    before, after = fitted(x, y), fitted(x, factor * y + factor * offset)
    assert [c.function.name for c in after[:3]] == [c.function.name for c in before[:3]]
    assert [c.unexplained for c in after[:3]] == pytest.approx([c.unexplained for c in before[:3]], rel=1e-5)
    assert relative(after[0](x), factor * before[0](x) + factor * offset) <= 1e-5


@pytest.mark.parametrize("power", [-20, -3, 10])
@pytest.mark.parametrize("name", ["sin", "exp", "log", "1/x^2"])
def test_the_unit_of_the_input_changes_neither_ranking_nor_what_is_left(name, power):
    x, y, _ = curve(name, 2)
    y = y / y.std() + 0.01 * np.sin(40 * np.arange(len(x)))
    before, after = fitted(x, y), fitted(2.0**power * x, y)
    assert [c.function.name for c in after] == [c.function.name for c in before]
    assert [c.unexplained for c in after] == pytest.approx([c.unexplained for c in before], rel=1e-9)


def test_the_order_of_the_rows_changes_nothing():
    x, y, _ = curve("tanh", 4)
    order = generator(0).permutation(len(x))
    before, after = fitted(x, y)[0], fitted(x[order], y[order])[0]
    assert after.function is before.function
    assert after.unexplained <= 1e-18
    assert relative(after(x), before(x)) <= 1e-9


def test_unexplained_is_the_weighted_share_of_variance():
    """To the last digit for those fitted to the curve itself, about so for those that were left on its averages."""
    x, y, _ = curve("gaussian", 0)
    y = y + 0.05 * y.std() * generator(1).normal(size=len(y))
    weights = generator(2).uniform(0, 3, len(y))
    w = weights / weights.sum()
    for rank, candidate in enumerate(edge_candidates(x, y, weights, LIBRARY)):
        share = w @ (candidate(x) - y) ** 2 / (w @ (y - w @ y) ** 2)
        assert candidate.unexplained == pytest.approx(share, rel=1e-9 if rank < 5 else 0.5)


def test_weights_say_where_a_curve_matters():
    """Two functions joined: each half's weight brings that half's function."""
    x = np.linspace(-2, 2, 256)
    y = np.where(x < 0, np.exp(2 * x), 1 + np.sin(3 * x))
    left = edge_candidates(x, y, np.where(x < 0, 1.0, 1e-14), LIBRARY)[0]
    right = edge_candidates(x, y, np.where(x < 0, 1e-14, 1.0), LIBRARY)[0]
    assert (left.function.name, right.function.name) == ("exp", "sin")
    assert relative(left(x[x < 0]), y[x < 0]) <= 1e-4


def test_candidates_come_best_first_and_each_function_once():
    x, y, _ = curve("j0", 0)
    found = fitted(x, y)
    scores = [score(c, len(x), EQUAL) for c in found]
    assert scores == sorted(scores)
    assert len({c.function.name for c in found}) == len(found) >= 5


def test_a_line_is_called_a_line():
    x = np.linspace(0, 1, 100)
    best = fitted(x, 3 - 2 * x)[0]
    assert best.function.name == "x"
    assert (best.c, best.d) == pytest.approx((-2, 3), rel=1e-12)


def test_a_bessel_function_of_many_waves_is_found():
    x = np.linspace(-1, 1, 256)
    best = fitted(x, BY_NAME["j0"].value(20 * x))[0]
    assert best.function.name == "j0"
    assert abs(best.a) == pytest.approx(20, rel=1e-9)


def test_a_constant_curve_or_a_single_point_has_no_candidates():
    x = np.linspace(0, 1, 50)
    assert fitted(x, np.full(50, 3.0)) == []
    assert fitted(np.zeros(50), x) == []
    assert fitted(x[:1], x[:1]) == []


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_points_are_no_error(count):
    x = np.linspace(0, 1, count)
    for candidate in fitted(x, x**2 + 1):
        assert np.isfinite([candidate.a, candidate.b, candidate.c, candidate.d, candidate.unexplained]).all()


def test_heavy_ends_and_clusters_of_points_are_no_error():
    x = np.sort(np.concatenate([np.zeros(100), generator(0).standard_cauchy(156)]))
    best = fitted(x, x / (1 + x**2))[0]
    assert np.isfinite(best(x)).all()


@pytest.mark.parametrize("exponent", [-2.3, -0.37, 0.29, 1.618, 2.9])
@pytest.mark.parametrize(("name", "shift"), [("x^p", 0.0), ("power", 0.8)])
def test_a_free_exponent_is_found_to_its_last_digits(name, shift, exponent):
    x = generator(1).uniform(0.3, 5, 400)
    best = fitted(x, 2 - 3 * (x + shift) ** exponent)[0]
    assert best.function.name == name
    assert best.function.shape == pytest.approx(exponent, rel=1e-8)
    assert (best.b, best.c, best.d) == pytest.approx((shift, -3, 2), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("exponent", [-1.3, 0.7])
def test_a_power_without_a_shift_needs_no_unit_and_no_distance_from_zero(exponent, scale):
    x = scale * np.geomspace(1e-6, 1, 300)
    best = fitted(x, (x / scale) ** exponent)[0]
    assert best.unexplained <= 1e-18
    assert best.function.shape == pytest.approx(exponent, rel=1e-7)


@pytest.mark.parametrize("name", ["exp", "1/x", "tanh", "log", "power"])
def test_many_points_are_fitted_without_their_averages_bias(name):
    x, y, _ = curve(name, 2, 20000)
    assert fitted(x, y)[0].unexplained <= 1e-20


@pytest.mark.parametrize("name", [f.name for f in LIBRARY if not f.jumps and f.free != RATE])
def test_alone_a_function_recovers_its_constants_under_weights(name):
    x, y, _ = curve(name, 11, 300)
    weights = generator(3).uniform(0.2, 2, len(x))
    assert edge_candidates(x, y, weights, [BY_NAME[name]])[0].unexplained <= 1e-9


def test_a_jump_is_placed_between_its_neighbours():
    x = generator(0).uniform(-1, 1, 500)
    best = fitted(x, np.where(x > 0.3, 2.0, -1.0) + 0.01 * generator(1).normal(size=500))[0]
    assert best.function.name == "sign"
    assert x[x < 0.3].max() < -best.b < x[x > 0.3].min()


def test_what_is_no_function_of_the_library_leaves_something():
    x = np.linspace(0, 1, 500)
    y = np.sin(7 * x**2) * np.exp(-x) + np.abs(x - 0.4) ** 1.3
    assert fitted(x, y)[0].unexplained > 1e-5


def test_posterior_is_a_distribution_in_the_order_of_the_scores():
    x, y, _ = curve("tanh", 1, 400)
    found = fitted(x, y + 0.3 * y.std() * generator(0).normal(size=400))
    p = posterior(found, 400)
    assert p.sum() == pytest.approx(1)
    assert (np.diff(p) <= 0).all()
    assert math.log(p[0] / p[1]) == pytest.approx((score(found[1], 400, EQUAL) - score(found[0], 400, EQUAL)) / 2)
    assert posterior(found[:1], 400).tolist() == [1.0]
    assert posterior([], 400).shape == (0,)
    assert posterior(found, 40).max() < p.max()  # fewer points, less certain


def test_bins_hold_equal_numbers_and_keep_weighted_means():
    x, w = generator(0).standard_cauchy(1000), generator(1).uniform(0, 1, 1000)
    y = x**2
    points = binned(x, y, w, 64)
    assert len(points.t) == 64
    assert (np.diff(points.t) > 0).all()
    assert points.weights.sum() == pytest.approx(1)
    assert points.weights @ points.y == pytest.approx(w @ y / w.sum())
    assert points.weights @ points.t == pytest.approx(w @ x / w.sum())
    assert len(binned(x[:5], y[:5], w[:5], 64).t) == 5
    assert (binned(x[:5], y[:5], w[:5], 64).y == np.sort(y[:5])[np.argsort(np.argsort(np.sort(x[:5]) ** 2))]).all()


@pytest.mark.parametrize("cycles", [0.8, 1.0, 3.3, 11.6, 47.2])
def test_a_spectrum_finds_frequency_and_phase(cycles):
    t, w = np.sort(generator(0).uniform(0, 1, 600)), generator(1).uniform(0.5, 1.5, 600)
    w = w / w.sum()
    y = 0.3 + np.sin(2 * np.pi * cycles * t + 0.7)
    rate, phase, left = sine_starts(t, y, w)[0]
    assert rate / (2 * np.pi) == pytest.approx(cycles, abs=0.15)
    assert left < 0.2
    frequency, share, _ = periodogram(t, y, w)
    exact = np.stack([np.sin(rate * t), np.cos(rate * t), np.ones_like(t)], 1) * np.sqrt(w)[:, None]
    residual = np.sqrt(w) * y - exact @ np.linalg.lstsq(exact, np.sqrt(w) * y, rcond=None)[0]
    at = int(np.argmin(np.abs(2 * np.pi * frequency - rate)))
    truth = 1 - residual @ residual / (w @ (y - w @ y) ** 2)
    assert share[at] == pytest.approx(truth, abs=0.02)  # cells of 1/2048
    assert np.cos(rate * 0.5 + phase - 2 * np.pi * cycles * 0.5 - 0.7) > 0.9


@pytest.mark.parametrize("cycles", [20.3, 60.0, 110.7])
def test_sines_of_many_waves_are_found(cycles):
    x = generator(2).uniform(-3, 4, 1000)
    best = fitted(x, np.sin(2 * np.pi * cycles / 7 * x + 1))[0]
    assert best.function.name == "sin"
    assert best.unexplained <= 1e-20
