"""Rows of functions, recipes and arrays, with their own test rows.

pykan's API_11_create_dataset: data sets from functions and from arrays
"""

import numpy as np

import splinework as sw

recipe = sw.data.FormulaSet("exp(sin(pi*x1) + x2**2)", (sw.data.Input("x1", -1, 1), sw.data.Input("x2", -1, 1)))
sample = recipe.draw(1024, seed=0)
x, y = sample.x, np.ravel(sample.y)
assert np.allclose(y, np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2))
rows = {"train": slice(0, 800), "test": slice(800, None)}
test = x[rows["test"]], y[rows["test"]]
result = sw.fit(sw.KAN([2, 1, 1]), x[rows["train"]], y[rows["train"]], validation=test, steps=100, progress=False)
error = result.history.steps[-1].rmse_validation
print(f"{len(sample.names)} columns, {len(x)} rows, RMSE on test rows that were given {error:.1e}")
assert len(x) == 1024
