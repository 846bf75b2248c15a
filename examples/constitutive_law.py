"""A constitutive law from the nine entries of deformation gradients (Liu et al. 2024b, arXiv 2408.10205, §5).

For a neo-Hookean solid the shear entry of the stress is linear in `F Fᵀ`: six of the nine columns belong to it, in three pairs.
`find_structure` shows that before any formula is looked for, and `discover` finds the law with its constant.

Run: python examples/constitutive_law.py (a minute)
"""

import numpy as np
import sympy

import splinework as sw
from splinework.interpret.structure import find_structure

MU = 0.42
names = [f"F{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)]
F = np.eye(3) + np.random.default_rng(0).uniform(-0.2, 0.2, (800, 3, 3))
stress = MU * np.einsum("nij,nkj->nik", F, F)[:, 0, 1]
x = F.reshape(-1, 9)

found = find_structure(x, stress, names=names)
print(found.formula())
assert found.idle == ("F31", "F32", "F33")
pairs = {frozenset(child.inputs) for child in found.tree.children}
assert found.tree.kind == "sum"
assert pairs == {frozenset((f"F1{j}", f"F2{j}")) for j in (1, 2, 3)}

best = sw.discover(x, stress, names=names, target="P12", budget=30, progress=False).best
print(best)
law = sum(MU * sympy.Symbol(f"F1{j}", real=True) * sympy.Symbol(f"F2{j}", real=True) for j in (1, 2, 3))
away = sympy.lambdify([sympy.Symbol(n, real=True) for n in names], best.expression - law)(*x.T)
assert np.abs(away).max() < 1e-9
print("the law is mu (F Fᵀ)₁₂")
