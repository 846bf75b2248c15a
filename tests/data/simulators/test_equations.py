"""Partial differential equations: each reference against another method, its own refinement, and its equation."""

import numpy as np
import pytest
from scipy.integrate import quad

from splinework.data.simulators.equations import (
    HEAT,
    HELMHOLTZ,
    POISSON,
    AllenCahnSet,
    BurgersSet,
    allen_cahn,
    cole_hopf,
)
from splinework.errors import ConfigError
from splinework.formula.derivatives import derivative
from splinework.formula.expression import Expression

RANDOM = np.random.default_rng(0)
X, T = RANDOM.uniform(-1, 1, 300), RANDOM.uniform(0, 1, 300)


def partial(recipe, names: str):
    text = recipe.formula
    for name in names:
        text = derivative(text, name)
    return Expression(text, [one.name for one in recipe.inputs])


def test_closed_forms_solve_their_equations():
    x = RANDOM.uniform(0, 1, (200, 2))
    np.testing.assert_allclose(partial(HEAT, "t")(x), 0.1 * partial(HEAT, "xx")(x), atol=1e-12)
    a, b = np.pi * x.T
    source = -2 * np.pi**2 * np.sin(a) * np.sin(b)
    np.testing.assert_allclose(partial(POISSON, "xx")(x) + partial(POISSON, "yy")(x), source, atol=1e-12)
    left = partial(HELMHOLTZ, "xx")(x) + partial(HELMHOLTZ, "yy")(x) + partial(HELMHOLTZ, "")(x)
    np.testing.assert_allclose(left, (1 - 17 * np.pi**2) * np.sin(a) * np.sin(4 * b), atol=1e-11)
    for recipe in (POISSON, HELMHOLTZ):
        edge = np.column_stack([np.full(50, 1.0), np.linspace(-1, 1, 50)])
        np.testing.assert_allclose(recipe.evaluate(np.vstack([edge, -edge, edge[:, ::-1]])), 0, atol=1e-14)


def test_burgers_is_the_quotient_of_its_integrals():
    nu = 0.02
    for x, t in ((0.3, 0.4), (-0.05, 0.9), (0.9, 0.1)):

        def weight(eta, x=x, t=t):
            return np.exp(-np.cos(np.pi * (x - eta)) / (2 * np.pi * nu) - eta**2 / (4 * nu * t))

        span = 12 * np.sqrt(2 * nu * t)
        top = quad(lambda e: np.sin(np.pi * (x - e)) * weight(e), -span, span, epsabs=0, epsrel=1e-12, limit=400)[0]  # noqa: B023
        bottom = quad(weight, -span, span, epsabs=0, epsrel=1e-12, limit=400)[0]
        assert cole_hopf(np.array([x]), np.array([t]), nu, 100)[0] == pytest.approx(-top / bottom, abs=1e-9)


def test_burgers_by_more_nodes_is_the_same():
    for nu in (0.002, 0.01 / np.pi):
        for x in (X, 0.01 * X):  # the front at 0, too
            gap = np.abs(cole_hopf(x, T, nu, BurgersSet.NODES) - cole_hopf(x, T, nu, 250)).max()
            assert gap < BurgersSet.REFERENCE_ERROR


def test_burgers_is_what_a_spectral_method_finds():
    """Fourier modes in space and Runge-Kutta of order 4 with an integrating factor: nothing in common with Cole and Hopf."""
    nu, modes, steps, end = 0.05, 256, 2000, 0.8
    grid = 2 * np.arange(modes) / modes - 1
    k = np.pi * np.fft.rfftfreq(modes, 1 / modes)
    decay = np.exp(-nu * k**2 * end / steps / 2)

    def rest(v):
        return -0.5j * k * np.fft.rfft(np.fft.irfft(v, modes) ** 2)

    v, h = np.fft.rfft(-np.sin(np.pi * grid)), end / steps
    for _ in range(steps):
        a = h * rest(v)
        b = h * rest(decay * (v + a / 2))
        c = h * rest(decay * v + b / 2)
        d = h * rest(decay**2 * v + decay * c)
        v = decay**2 * v + (decay**2 * a + 2 * decay * (b + c) + d) / 6
    found = np.fft.irfft(v, modes)
    np.testing.assert_allclose(cole_hopf(grid, np.full(modes, end), nu, 100), found, atol=1e-9)


def test_burgers_begins_as_a_sine_and_ends_at_the_walls():
    recipe = BurgersSet()
    np.testing.assert_allclose(recipe.evaluate(np.column_stack([X, 0 * T]))[:, 0], -np.sin(np.pi * X), atol=1e-13)
    np.testing.assert_allclose(recipe.evaluate(np.column_stack([np.sign(X), T])), 0, atol=1e-12)
    x = np.column_stack([X, T])
    np.testing.assert_allclose(recipe.evaluate(x * [-1, 1]), -recipe.evaluate(x), atol=1e-13)


@pytest.fixture(scope="module")
def coarse():
    """Half the modes, half the steps."""
    return allen_cahn(X, T, 1024, 1000, 1000)


@pytest.mark.slow
def test_allen_cahn_by_fewer_modes_and_steps_is_nearly_the_same(coarse):
    recipe = AllenCahnSet()
    fine = recipe.evaluate(np.column_stack([X, T]))[:, 0]
    assert np.abs(fine - coarse)[T > 0.01].max() < 2e-7
    assert np.abs(fine - coarse).max() < recipe.REFERENCE_ERROR
    assert np.abs(fine).max() <= 1.0


def test_allen_cahn_is_what_differences_find():
    """Second order in space (with extrapolation) and in time (Strang: exact reaction, Crank-Nicolson diffusion)."""

    def differences(points, steps, end=0.3):
        x = 2 * np.arange(points) / points - 1
        u, h = x**2 * np.cos(np.pi * x), end / steps
        rate = 1e-4 * (2 - 2 * np.cos(2 * np.pi * np.arange(points // 2 + 1) / points)) / (2 / points) ** 2
        step = (1 - h * rate / 2) / (1 + h * rate / 2)

        def react(u, h):  # u' = 5 (u - u³) has a closed form
            return u * np.exp(5 * h) / np.sqrt(1 + u**2 * (np.exp(10 * h) - 1))

        for _ in range(steps):
            u = react(np.fft.irfft(step * np.fft.rfft(react(u, h / 2)), points), h / 2)
        return x, u

    x, fine = differences(2048, 1200)
    coarse = differences(1024, 600)[1]
    found = allen_cahn(x[::2], np.full(1024, 0.3), 1024, 1000, 1000)
    np.testing.assert_allclose(found, (4 * fine[::2] - coarse) / 3, atol=2e-5)


@pytest.mark.slow
def test_allen_cahn_begins_as_it_should_and_is_even_and_periodic():
    at = np.column_stack([X, 0 * T])
    recipe = AllenCahnSet()
    np.testing.assert_allclose(recipe.evaluate(at)[:, 0], X**2 * np.cos(np.pi * X), atol=1e-15)
    x = np.column_stack([X, T])
    np.testing.assert_allclose(recipe.evaluate(x * [-1, 1]), recipe.evaluate(x), atol=1e-13)
    np.testing.assert_allclose(recipe.evaluate(x + np.array([2.0, 0.0])), recipe.evaluate(x), atol=1e-9)


def test_the_error_of_the_reference_is_on_the_card():
    facts = AllenCahnSet().draw(8).card().facts
    assert facts["truth"]["reference_error"] == AllenCahnSet.REFERENCE_ERROR
    assert "error of the target itself" in BurgersSet().draw(8).card().to_markdown()


@pytest.mark.parametrize(
    "make", [lambda: BurgersSet(0.001), lambda: BurgersSet(end=2.0), lambda: AllenCahnSet(end=0.0)]
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(ConfigError, match="got"):
        make()
