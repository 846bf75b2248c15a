"""What is written into a file can be evaluated as it stands, splines and all."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.interpret.symbolic import LIBRARY

LINEAR_BASIS = tuple(function for function in LIBRARY if function.name == "x")


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_formula_with_splines_is_evaluable_code(scale):
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 4.0, (400, 2))
    y = np.sin(3 * x[:, 0]) + x[:, 1]
    model = sw.KAN([2, 1], grid=10, names=["a", "pi"], input_scales=(scale, "linear"), dtype=torch.float64)
    fitted = sw.fit(model, x, y, progress=False, grids=None).model
    table = sw.symbolify(fitted, x, y, library=LINEAR_BASIS)
    row = next(row for row in table if row.splines)
    value = eval(row.code, {"__builtins__": {}, **vars(np)}, {"a": x[:, 0], "pi": x[:, 1]})
    assert np.sqrt(np.mean((value - row.numpy()(x)) ** 2)) < 2e-3 * y.std()
    assert row.text.count("spline_1(") == 1
    assert "spline_1(" not in row.code


def test_without_splines_code_and_text_are_the_same():
    x = np.linspace(1, 2, 50)[:, None]
    table = sw.symbolify(sw.fit(sw.KAN([1, 1], dtype=torch.float64), x, x[:, 0] ** 2, progress=False).model, x, x**2)
    assert table.best.code == table.best.text
