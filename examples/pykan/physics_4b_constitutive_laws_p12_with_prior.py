"""P12 of a neo-Hookean solid when the search begins with the linear law.

pykan's Physics_4B_constitutive_laws_P12_with_prior: a wrong formula with RMSE 7e-3
"""

import numpy as np

import splinework as sw
from splinework.reproduce.experiments.constitutive_laws import NAMES, SHEAR, STRESSES, deformations

x, stress = deformations(STRESSES["P12"], 1000, seed=0)
prior = f"{SHEAR}*(F12 + F21)"
table = sw.discover(x, stress, names=list(NAMES), start=prior, budget=120, progress=False)
test_x, test_y = deformations(STRESSES["P12"], 1000, seed=1)
error = float(np.sqrt(np.mean((table.best.numpy()(test_x) - test_y) ** 2)))
print(f"{table.best}, test RMSE {error:.0e}")
assert error < 1e-9
