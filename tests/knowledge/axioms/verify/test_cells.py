"""Edges as polynomials on cells: the error that each states is never less than its own, and not far more."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from splinework.formula.intervals import gamma
from splinework.knowledge.axioms.verify import smooth
from splinework.knowledge.axioms.verify.cells import (
    Cells,
    derivative_splines,
    evaluation_error,
    padded,
    polar,
    powers_of,
    to_bernstein,
    to_powers,
)
from splinework.knowledge.axioms.verify.enclosing import EnclosingFunctions
from splinework.knowledge.axioms.verify.exact import EXACT, derivatives
from splinework.splines.bases import ACTIVATIONS, make_basis
from splinework.splines.bases.bounds import basis_bounds

SMOOTH = [name for name in ACTIVATIONS if name not in ("none", "identity", "zero")]


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
def test_powers_and_bernstein_coefficients_are_of_one_polynomial(degree):
    bernstein = np.random.default_rng(degree).normal(size=degree + 1)
    powers = to_powers(degree) @ bernstein
    v = np.linspace(-0.5, 0.5, 11)
    basis = [mpmath.binomial(degree, i) * (0.5 + v) ** i * (0.5 - v) ** (degree - i) for i in range(degree + 1)]
    wanted = sum(c * np.array(b, dtype=float) for c, b in zip(bernstein, basis, strict=True))
    np.testing.assert_allclose(np.polyval(powers[::-1], v), wanted, atol=1e-13)
    np.testing.assert_allclose(to_bernstein(degree, -0.5, 0.5) @ powers, bernstein, atol=1e-12)
    part = to_bernstein(degree, -0.2, 0.3) @ powers
    assert part[0] == pytest.approx(np.polyval(powers[::-1], -0.2))
    assert part[-1] == pytest.approx(np.polyval(powers[::-1], 0.3))
    v = np.linspace(-0.2, 0.3, 50)
    assert part.min() - 1e-12 <= np.polyval(powers[::-1], v).min()
    assert np.polyval(powers[::-1], v).max() <= part.max() + 1e-12


def uneven(degree):
    draw = np.random.default_rng(degree)
    knots = np.cumsum(draw.uniform(0.2, 1.0, (2, 2 * degree + 6)), axis=1)
    return knots, draw.normal(size=(2, knots.shape[1] - degree - 1, 3))


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
def test_cells_of_splines_and_their_derivatives_are_those_of_scipy(degree):
    knots, c = uneven(degree)
    for order, (coefficients, error, k) in enumerate(derivative_splines(knots, c, degree)):
        assert k == degree - order
        index = np.tile(np.arange(degree, knots.shape[1] - degree - 1), (2, 1))
        rows = np.arange(2)[:, None]
        start, stop = knots[rows, index], knots[rows, index + 1]
        ends = start + 0.1 * (stop - start), stop - 0.2 * (stop - start)
        bernstein, bound = polar(knots, coefficients, error, k, index, ends)
        found = powers_of(bernstein, bound)
        v = np.linspace(-0.5, 0.5, 9)
        for i in range(2):
            spline = BSpline(knots[i], c[i], degree)
            spline = spline.derivative(order) if order else spline
            for cell in range(index.shape[1]):
                x = ends[0][i, cell] + (v + 0.5) * (ends[1][i, cell] - ends[0][i, cell])
                values = np.polynomial.polynomial.polyval(v, found.powers[i, cell]).T
                np.testing.assert_allclose(values, spline(x), atol=2e-11)
        assert (found.error > 0).all()
        assert found.error.max() < 1e-11 * 40**order
        size = np.abs(bernstein).max(2)
        assert (found.error >= gamma(8 * k + 8) * size).all()
        assert (found.error <= 6 * gamma(8 * degree + 20) * np.abs(coefficients).max() * 40).all()


def test_errors_of_coefficients_go_through_to_cells():
    knots, c = uneven(3)
    index = np.full((2, 1), 4)
    rows = np.arange(2)[:, None]
    ends = knots[rows, index], knots[rows, index + 1]
    _, plain = polar(knots, c, np.zeros_like(c), 3, index, ends)
    _, loose = polar(knots, c, np.full_like(c, 0.5), 3, index, ends)
    np.testing.assert_allclose(loose - plain, 0.5, rtol=1e-9)
    assert (loose - plain > 0.5).all()
    np.testing.assert_allclose(plain, gamma(32) * np.abs(c[:, 1:5]).max(1, keepdims=True), rtol=1e-12)
    (_, none, _), (slopes, first, _), (_, second, _), _ = derivative_splines(knots, c, 3)
    assert (none == 0).all()
    np.testing.assert_allclose(first, gamma(6) * np.abs(slopes), rtol=1e-9)
    assert (second[:, 1:-1] > gamma(6)).any()


def test_a_rounding_of_powers_is_of_their_size():
    bernstein = np.random.default_rng(0).normal(size=(1, 2, 4, 3))
    found = powers_of(bernstein, np.full((1, 2, 3), 0.25))
    rest = found.error - 0.25
    weights = (0.5 ** np.arange(4)) @ np.abs(to_powers(3))
    np.testing.assert_allclose(rest, gamma(7) * np.einsum("b,icbj->icj", weights, np.abs(bernstein)), rtol=0.02)
    assert padded(found.powers, 5).shape == (1, 2, 6, 3)
    assert (padded(found.powers, 5)[:, :, 4:] == 0).all()
    assert padded(found.powers, 3) is found.powers
    assert padded(found.powers, 2) is found.powers


def test_what_rounding_does_to_a_polynomial_is_held_in_60_digits():
    draw = np.random.default_rng(0)
    powers = draw.normal(size=(1, 4, 5, 2))
    origin, width = np.array([[-3.0, 0.1, 7.0, 100.0]]), np.array([[0.5, 1e-2, 2.0, 1e-3]])
    bounds = np.concatenate([origin, origin[:, -1:] + width[:, -1:]], 1)
    cells = Cells(bounds, origin, width, np.full((1, 4), 0.5), np.full((1, 4), 0.5))
    held = evaluation_error(powers, cells)
    assert (held > 0).all()
    worst = np.zeros_like(held)
    for cell in range(4):
        for x in origin[0, cell] + draw.uniform(size=40) * width[0, cell]:
            v = cells.local(np.array([[x]]), np.array([[cell]]))[0, 0]
            with mpmath.workdps(60):
                exact = (mpmath.mpf(x) - origin[0, cell]) / mpmath.mpf(width[0, cell]) - mpmath.mpf("0.5")
                for j in range(2):
                    value = 0.0
                    for p in range(4, -1, -1):
                        value = value * v + powers[0, cell, p, j]
                    true = mpmath.polyval([mpmath.mpf(p) for p in powers[0, cell, ::-1, j]], exact)
                    worst[0, cell, j] = max(worst[0, cell, j], abs(float(mpmath.mpf(value) - true)))
    assert (worst <= held).all()
    assert (held[:, :3] <= 1e3 * worst[:, :3] + 1e-13).all()
    tail = Cells(
        np.array([[0.0, np.inf]]), np.zeros((1, 1)), np.ones((1, 1)), np.zeros((1, 1)), np.full((1, 1), np.inf)
    )
    assert evaluation_error(np.ones((1, 1, 1, 1)), tail)[0, 0, 0] == pytest.approx(gamma(6), abs=0)


def test_points_are_in_the_cells_that_hold_them():
    bounds = np.array([[-np.inf, 0.0, 1.0, 3.0, np.inf]])
    starts, widths, offsets = np.array([[[0.0, 0, 1, 3]], [[1, 1, 2, 1]], [[0, 0.5, 0.5, 0]]])
    cells = Cells(bounds, starts, widths, offsets, np.ones((1, 4)))
    x = np.array([[-5.0], [0.0], [0.5], [1.0], [2.9], [3.0], [9.0], [np.inf], [-np.inf]])
    found = cells.find(x)
    assert found.ravel().tolist() == [0, 1, 1, 2, 2, 3, 3, 3, 0]
    local = cells.local(x[:7], found[:7]).ravel()
    np.testing.assert_allclose(local, [-5, -0.5, 0, -0.5, 0.45, 0, 6])


# ---------------------------------------------------------------------------------------------------- smooth functions


def test_the_nodes_are_those_of_chebyshev_and_their_matrix_interpolates():
    v, matrix = smooth.nodes()
    np.testing.assert_allclose(sorted(v), sorted(0.5 * np.cos(np.pi * (2 * np.arange(1, 9) - 1) / 16)), atol=1e-16)
    for power in range(8):
        np.testing.assert_allclose(matrix @ v**power, np.eye(8)[power], atol=1e-9)
    values = np.random.default_rng(0).normal(size=(1, 1, 8, 2))
    powers, rounding = smooth.interpolated(values)
    np.testing.assert_allclose(np.polynomial.polynomial.polyval(v, powers[0, 0]).T, values[0, 0], atol=1e-12)
    weights = 0.5 ** np.arange(8) @ np.abs(matrix)
    np.testing.assert_allclose(rounding, gamma(48) * np.einsum("n,icnj->icj", weights, np.abs(values)), rtol=0.02)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("order", [1, 2, 8, 10])
def test_the_greatest_derivative_is_a_bound_and_a_close_one(name, order):
    base = ACTIVATIONS[name]
    found = smooth.greatest(base, order)
    points = [EXACT.number(float(x)) for x in np.linspace(-4, 4, 13)]
    most = max(abs(float(derivatives(lambda x: [base.formula(x, EXACT)], at, order)[0])) for at in points)
    assert most <= found * (1 + 1e-9)
    assert found <= 5 * most + 1e-12


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_error_of_interpolation_is_held_on_cells_of_any_width(name, order):
    base = ACTIVATIONS[name]
    v, matrix = smooth.nodes()
    for width in (0.125, 0.5, 1.0, 2.0):
        error = smooth.base_error(base, np.array(width), np.array(4.0), order)
        worst = 0.0
        for centre in np.linspace(-3, 3, 25):
            at = torch.from_numpy(centre + v * width)
            powers = matrix @ smooth.base_values(base, at.numpy(), order)
            fine = np.linspace(-0.5, 0.5, 201)
            true = smooth.base_values(base, centre + fine * width, order)
            worst = max(worst, np.abs(np.polynomial.polynomial.polyval(fine, powers) - true).max())
        assert worst <= error + 1e-13
        assert error <= 40 * worst + 4e-12
    assert smooth.base_error(base, np.array(1e-3), np.array(4.0), order) >= 1e-13
    chosen = smooth.widest(base)
    fits = smooth.base_error(base, np.array(chosen), np.array(1.0), 2) <= 1e-10
    assert fits or chosen == 2**-6
    assert chosen == 1.0 or smooth.base_error(base, np.array(2 * chosen), np.array(1.0), 2) > 1e-10


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("side", [-1, 1])
def test_far_out_a_base_function_is_its_straight_line_within_the_error(name, side):
    base = ACTIVATIONS[name]
    slope, constant, error = smooth.straight(base, side)
    x = side * np.linspace(45, 400, 200)
    off = np.abs(smooth.base_values(base, x, 0) - (slope * x + constant)).max()
    assert off <= error + 1e-13
    assert error <= 1.3 * off + 1e-17


@pytest.mark.parametrize("family", ["fourier", "chebyshev", "gaussian_rbf"])
@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_error_of_a_smooth_basis_is_held(family, order):
    basis = make_basis(family)
    grid = torch.tensor([[-1.0, 1.0]], dtype=torch.float64) if family != "x" else None
    grid = (
        basis.grid(torch.tensor([-1.0]).double(), torch.tensor([1.0]).double()).numpy()
        if hasattr(basis, "grid")
        else grid.numpy()
    )
    c = np.random.default_rng(1).normal(size=(1, basis.size, 2))
    v, matrix = smooth.nodes()
    for width in (0.125, 0.25):
        error = smooth.basis_error(basis, grid, np.abs(c), np.full((1, 1), width), order)[0, 0]
        worst = np.zeros(2)
        for centre in np.linspace(-0.8, 0.8, 15):
            rows = smooth.rows_of(basis, grid, (centre + v * width)[None], order)[0] @ c[0]
            fine = np.linspace(-0.5, 0.5, 101)
            true = smooth.rows_of(basis, grid, (centre + fine * width)[None], order)[0] @ c[0]
            worst = np.maximum(worst, np.abs(np.polynomial.polynomial.polyval(fine, matrix @ rows).T - true).max(0))
        assert (worst <= error + 1e-12).all()
        assert (error <= 300 * worst + 3e-9).all()
        assert (error >= 3e-12).all()


@pytest.mark.parametrize("name", SMOOTH)
def test_the_stated_errors_are_those_of_interpolation_theory_and_of_the_library(name):
    """`2 (h/4)⁸ max|f⁽⁸⁺ʳ⁾| / 8!` (Trefethen 2013, chapter 4), and a Lebesgue constant of 3 times the library's 1e-13."""
    base = ACTIVATIONS[name]
    for order in range(3):
        wide = smooth.base_error(base, np.array(8.0), np.array(1.0), order)
        assert wide == pytest.approx(2 * 2**8 * smooth.greatest(base, 8 + order) / math.factorial(8), rel=2e-3)
        tiny = smooth.base_error(base, np.array(1e-3), np.array(7.0), order)
        at_zero = abs(smooth.base_values(base, np.zeros(1), 0)[0])
        scale = smooth.greatest(base, order) if order else 7 * smooth.greatest(base, 1) + at_zero
        assert tiny == pytest.approx(3e-13 * scale, rel=1e-3, abs=0)
    assert smooth.widest(base) in [2.0**-n for n in range(7)]


@pytest.mark.parametrize("order", [0, 1, 2])
def test_the_stated_errors_of_a_basis_are_of_the_same_theory_with_ten_times_the_librarys(order):
    basis, grid = make_basis("fourier"), np.array([[-1.0, 1.0]])
    weight = np.eye(basis.size)[None]
    wide = smooth.basis_error(basis, grid, weight, np.full((1, 1), 8.0), order)[0, 0]
    tiny = smooth.basis_error(basis, grid, weight, np.full((1, 1), 1e-3), order)[0, 0]
    ends = grid[:, 0], grid[:, -1]
    high, here = (basis_bounds(basis, r, *ends, EnclosingFunctions())[0] for r in (8 + order, order))
    np.testing.assert_allclose(wide, 2 * 2**8 * high / math.factorial(8), rtol=2e-3, atol=1e-11)
    np.testing.assert_allclose(tiny, 3e-12 * here, rtol=1e-3)


@pytest.mark.parametrize("reach", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("origin", "width"), [(0.0, 1.0), (-5.0, 0.25), (3.0, 8.0)])
def test_the_error_of_evaluation_is_that_of_horner_of_v_and_of_where_the_cell_lies(origin, width, reach):
    powers = np.array([2.0, -3.0, 0.5, 7.0])
    cells = Cells(*(np.full((1, n), v) for n, v in ((2, 0.0), (1, origin), (1, width), (1, 0.5), (1, reach))))
    value = sum(abs(p) * reach**k for k, p in enumerate(powers))
    slope = sum(k * abs(p) * reach ** (k - 1) for k, p in enumerate(powers) if k)
    wanted = gamma(12) * value + slope * (gamma(6) * max(1, reach) + gamma(8) * (abs(origin) + width) / width)
    assert evaluation_error(powers[None, None, :, None], cells).item() == pytest.approx(wanted, rel=1e-12, abs=0)


@pytest.mark.parametrize(("side", "line"), [(-1, (0.0, 0.0)), (1, (1.0, 0.0))])
def test_the_straight_line_far_out_is_that_of_the_side_with_an_allowance_for_what_vanishes(side, line):
    assert smooth.straight(ACTIVATIONS["silu"], side) == (*line, 1e-18)
    assert smooth.straight(ACTIVATIONS["identity"], side) == (1.0, 0.0, 0.0)
    assert smooth.straight(ACTIVATIONS["sin"], side)[:2] == (0.0, 0.0)
    assert 1.0 <= smooth.straight(ACTIVATIONS["sin"], side)[2] <= 1.01


def test_errors_of_coefficients_are_carried_on_in_full_where_those_of_the_derivative_vanish():
    """Of a straight line on the integers, where all rates are exact."""
    _, (slopes, first, _), (bends, second, _), *_ = derivative_splines(
        np.arange(12.0)[None], np.arange(8.0)[None, :, None], 3
    )
    assert slopes[0, 1:8, 0].tolist() == [1.0] * 7
    assert bends[0, 2:8, 0].tolist() == [0.0] * 6
    assert second.dtype == np.float64
    for m in range(2, 8):
        assert Fraction(second[0, m, 0]) >= Fraction(first[0, m - 1, 0]) + Fraction(first[0, m, 0])
