"""The Lagrangian of a pendulum and of a relativistic mass, from positions, velocities and accelerations.

KAN 2.0 (Liu et al. 2024b, arXiv 2408.10205, §5) learns L(q, v) as a network; here it is a formula. The equation of Euler and
Lagrange is linear in L: with L a sum of terms, what multiplies the coefficients is `∂²φ/∂v² a + ∂²φ/∂v∂q v - ∂φ/∂q`, and the
coefficients are its null vector. The sparsest one that vanishes on all rows is looked for.

Run: python examples/lagrangian.py (a few seconds)
"""

import itertools

import numpy as np
import sympy

q, v, a = sympy.symbols("q v a", real=True)
TERMS = [v**2, v**4, q**2, q**4, sympy.cos(q), q * v**2, q**2 * v**2, sympy.sqrt(1 - v**2), q]
generator = np.random.default_rng(0)


def lagrangian(acceleration, limit):
    """The shortest sum of terms whose Euler–Lagrange equation holds on 400 random rows, its first coefficient 1."""
    rows_q, rows_v = generator.uniform(-2, 2, 400), generator.uniform(-limit, limit, 400)
    equations = [sympy.diff(f, v, 2) * a + sympy.diff(f, v, q) * v - sympy.diff(f, q) for f in TERMS]
    compiled = sympy.lambdify((q, v, a), equations, "numpy")
    values = compiled(rows_q, rows_v, acceleration(rows_q, rows_v))
    matrix = np.stack([np.broadcast_to(column, 400) for column in values], 1)
    for size in (2, 3):
        for chosen in itertools.combinations(range(len(TERMS)), size):
            _, singular, vectors = np.linalg.svd(matrix[:, chosen] / np.linalg.norm(matrix[:, chosen], axis=0))
            if singular[-1] < 1e-9:
                c = vectors[-1] / np.linalg.norm(matrix[:, chosen], axis=0)
                return sum(sympy.nsimplify(round(x / c[0], 9)) * TERMS[i] for x, i in zip(c, chosen, strict=True))
    return None


pendulum = lagrangian(lambda q, v: -np.sin(q), 0.9)
print(f"pendulum: L = {pendulum}")
assert sympy.simplify(pendulum - (v**2 + 2 * sympy.cos(q))) == 0  # twice v²/2 + cos q

relativistic = lagrangian(lambda q, v: np.full_like(q, -1.0) * (1 - v**2) ** 1.5, 0.9)
print(f"mass in a uniform field: L = {relativistic}")
assert sympy.simplify(relativistic - (sympy.sqrt(1 - v**2) + q)) == 0  # minus the Lagrangian -√(1 - v²) - q
print("both Lagrangians are those of the textbook")
