"""Conserved quantities found from trajectories alone: energies, angular momentum, and how many are independent.

The first two are those of KAN 2.0 (Liu et al. 2024b, arXiv 2408.10205, §5: harmonic oscillators in one and two dimensions); then
a pendulum with 1 % noise, Lotka and Volterra's populations, and Kepler's orbits. Neither time nor masses nor equations are given.

Run: python examples/conserved_quantities.py (ten seconds)
"""

import numpy as np
import sympy
from scipy.integrate import solve_ivp

from splinework.discover import discover_conserved

generator = np.random.default_rng(0)


def orbits(rate, starts, noise=0.0):
    """One trajectory of 100 rows for each start."""
    t = np.linspace(0, 10, 100)
    z = [solve_ivp(rate, (0, 10), start, t_eval=t, rtol=1e-10, atol=1e-12).y.T for start in starts]
    spread = np.concatenate(z).std(axis=0)
    return [each + noise * spread * generator.normal(size=each.shape) for each in z]


def check(title, z, names, *expected):
    """Prints the table and compares it with the known quantities, each up to a factor."""
    table = discover_conserved(z, names=names)
    print(title, *table.rows, table.notes[0], sep="\n    ")
    symbols = {name: sympy.Symbol(name, real=True) for name in names}
    found = [row.expression for row in table.rows]
    for known in expected:
        wanted = known(sympy, *symbols.values())
        assert any(sympy.simplify(wanted / one).is_number for one in found), (wanted, found)
    return table


check(
    "harmonic oscillator",
    orbits(lambda t, z: [z[1], -z[0]], [[a, 0.2] for a in (0.5, 1, 1.5)]),
    ["x", "p"],
    lambda f, x, p: x**2 + p**2,
)
plane = check(
    "two of them",
    orbits(lambda t, z: [*z[2:], *-z[:2]], [[1, 0.3 * k, 0.2, 0.3 - 0.2 * k] for k in range(1, 6)]),
    ["x", "y", "px", "py"],
)
assert plane.notes[0].endswith("3")  # of four coordinates, a curve leaves three: both energies and the angular momentum
check(
    "pendulum, 1 % noise",
    orbits(lambda t, z: [z[1], -np.sin(z[0])], [[a, 0.2 * a] for a in (0.5, 1, 1.5, 2)], noise=0.01),
    ["q", "p"],
    lambda f, q, p: p**2 / 2 - f.cos(q),
)
check(
    "predators and prey",
    orbits(lambda t, z: [z[0] * (1 - z[1] / 2), z[1] * (z[0] - 3) / 4], [[a, 1] for a in (1, 2, 3, 4)]),
    ["prey", "predators"],
    lambda f, x, y: x - 3 * f.log(x) + 2 * y - 4 * f.log(y),
)
check(
    "Kepler",
    orbits(
        lambda t, z: [*z[2:], *(-z[:2] / np.hypot(*z[:2]) ** 3)],
        [[1, 0, 0.1 * k, 0.8 + 0.1 * k] for k in range(5)],
    ),
    ["x", "y", "u", "v"],
    lambda f, x, y, u, v: x * v - y * u,
    lambda f, x, y, u, v: (u**2 + v**2) / 2 - 1 / f.sqrt(x**2 + y**2),
)
print("every known quantity was found")
