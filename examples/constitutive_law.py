"""A constitutive law from the nine entries of deformation gradients (Liu et al. 2024b, arXiv 2408.10205, §5).

For a neo-Hookean solid the shear entry of the stress is linear in `F Fᵀ`: six of the nine columns belong to it, in three pairs.
`find_structure` shows that before any formula is looked for, and `discover` finds the law with its constant.
`splinework reproduce constitutive-laws` has the other entry of the paper as well.

pykan's Physics_4C_constitutive_laws_P12_without_prior: RMSE 6e-9, .42(F11 F21 + F12 F22 + F13 F23)

Run: python examples/constitutive_law.py (a minute)
"""

import numpy as np
import sympy

import splinework as sw
from splinework.interpret.structure import find_structure
from splinework.reproduce.experiments.constitutive_laws import NAMES, SHEAR, STRESSES, deformations

x, stress = deformations(STRESSES["P12"], 800, seed=0)

found = find_structure(x, stress, names=list(NAMES))
print(found.formula())
assert found.idle == ("F31", "F32", "F33")
pairs = {frozenset(child.inputs) for child in found.tree.children}
assert found.tree.kind == "sum"
assert pairs == {frozenset((f"F1{j}", f"F2{j}")) for j in (1, 2, 3)}

best = sw.discover(x, stress, names=list(NAMES), target="P12", budget=30, progress=False).best
print(best)
law = sum(SHEAR * sympy.Symbol(f"F1{j}", real=True) * sympy.Symbol(f"F2{j}", real=True) for j in (1, 2, 3))
away = sympy.lambdify([sympy.Symbol(n, real=True) for n in NAMES], best.expression - law)(*x.T)
assert np.abs(away).max() < 1e-9
print("the law is mu (F Fᵀ)₁₂")
