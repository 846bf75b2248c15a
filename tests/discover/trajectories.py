"""Differential equations with known right-hand sides, and their solutions by scipy at a tight tolerance."""

import numpy as np
from scipy.integrate import solve_ivp

SYSTEMS = {
    "logistic growth": (lambda t, x: [0.8 * x[0] * (1 - x[0] / 5)], [0.1], 12, 200, ("x",)),
    "Lotka and Volterra": (
        lambda t, x: [1.1 * x[0] - 0.4 * x[0] * x[1], 0.1 * x[0] * x[1] - 0.4 * x[1]],
        [10, 5],
        30,
        300,
        ("x", "y"),
    ),
    "pendulum": (lambda t, x: [x[1], -0.2 * x[1] - 9.81 * np.sin(x[0])], [2.5, 0], 8, 400, ("theta", "w")),
    "van der Pol": (lambda t, x: [x[1], 2 * (1 - x[0] ** 2) * x[1] - x[0]], [2, 0], 20, 500, ("x", "v")),
    "Lorenz": (
        lambda t, x: [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]],
        [-8, 7, 27],
        5,
        500,
        ("x", "y", "z"),
    ),
}


def trajectory(name, *, noise=0.0, seed=0, start=None, count=None):
    """Times, states with noise relative to their spreads, and names."""
    rate, first, end, rows, names = SYSTEMS[name]
    t = np.linspace(0, end, count or rows)
    x = solve_ivp(rate, (0, end), start or first, t_eval=t, rtol=1e-11, atol=1e-12).y.T
    return t, x + noise * x.std(axis=0) * np.random.default_rng(seed).normal(size=x.shape), names


def same_rates(expression_of, name, states, rtol):
    """Whether right-hand sides found (functions of rows) agree with the true ones on the states visited."""
    truth = np.array([SYSTEMS[name][0](0.0, row) for row in states])
    found = np.stack([f(states) for f in expression_of], -1)
    return bool((np.sqrt(((found - truth) ** 2).mean(axis=0)) <= rtol * truth.std(axis=0)).all())
