"""exp(sin πx1 + x2²) on growing grids; here the grids and the degree are chosen by the fit.

pykan's Example_1_function_fitting: test RMSE 5.9e-4
"""

from common import rmse, uniform, wave

import splinework as sw

x, test = uniform(1000, 2), uniform(1000, 2, seed=1)
for grids in ([3, 5, 10, 20, 50], "auto"):
    degree = "auto" if grids == "auto" else "keep"
    model = sw.fit(sw.KAN([2, 1, 1]), x, wave(x), grids=grids, degree=degree, progress=False).model
    error = rmse(model, wave, test)
    print(f"grids {grids}: test RMSE {error:.1e}")
    assert error <= 5.9e-4
