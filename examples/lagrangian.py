"""The Lagrangian of a pendulum and of a relativistic mass, from positions, velocities and accelerations.

KAN 2.0 (Liu et al. 2024b, arXiv 2408.10205, §5) learns L(q, v) as a network; here it is a formula. The equation of Euler and
Lagrange is linear in L: with L a sum of terms, what multiplies the coefficients is `∂²φ/∂v² a + ∂²φ/∂v∂q v - ∂φ/∂q`, and the
coefficients are its null vector. The sparsest one that vanishes on all rows is looked for. `splinework reproduce lagrangians`
compares the same motions with the paper.

pykan's Physics_1_Lagrangian: loss 5.0e-5 in 3 minutes

Run: python examples/lagrangian.py (a few seconds)
"""

import numpy as np
import sympy

from splinework.reproduce.experiments.lagrangians import sparse_lagrangian

q, v = sympy.symbols("q v", real=True)

pendulum = sparse_lagrangian(lambda q, v: -np.sin(q), limit=0.9)
print(f"pendulum: L = {pendulum}")
assert sympy.simplify(pendulum - (v**2 + 2 * sympy.cos(q))) == 0  # twice v²/2 + cos q

relativistic = sparse_lagrangian(lambda q, v: -((1 - v**2) ** 1.5), limit=0.9)
print(f"mass in a uniform field: L = {relativistic}")
assert sympy.simplify(relativistic - (sympy.sqrt(1 - v**2) + q)) == 0  # minus the Lagrangian -√(1 - v²) - q
print("both Lagrangians are those of the textbook")
