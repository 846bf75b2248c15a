"""exp(J0(20x1) + x2²): the Bessel function is found, no range is widened by hand.

pykan's Example_5_special_functions: RMSE 1.5e-2, J0 with R² 0.9989 once its range is widened
"""

import torch
from common import uniform
from scipy.special import j0

import splinework as sw

x = uniform(2000, 2)
y = torch.exp(torch.from_numpy(j0(20 * x[:, 0].numpy())) + x[:, 1] ** 2)  # torch's own J0 has seven digits
best = sw.discover(x, y, budget=300, progress=False).best
print(best)
assert "j0(20*x1)" in str(best)
assert best.rmse < 1e-9
