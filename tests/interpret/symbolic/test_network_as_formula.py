"""A network that no short formula describes is a row of its table: with splines, and nearly as good as the network."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.splines import greville


@pytest.mark.quick(1)
@pytest.mark.parametrize("shape", [[3, (0, [4]), 1], [4, 3, 2]], ids=str)
def test_the_table_is_never_much_worse_than_the_network(shape):
    draw = torch.Generator().manual_seed(2)
    model = sw.KAN(shape, grid=8, base="none", generator=draw, dtype=torch.float64)
    with torch.no_grad():
        for layer in model.kan_layers:  # curves that are no function of the library
            layer.coefficients.copy_(torch.randn(layer.coefficients.shape, generator=draw, dtype=torch.float64))
        first = model.kan_layers[0]  # but lines from the first input, with a constant
        first.coefficients[0] = 0.5 * greville(first.grid[:1], 3).T + 0.3
    x = 2 * torch.rand(400, shape[0], generator=draw, dtype=torch.float64) - 1
    truth = model(x).detach()
    y = truth + 0.02 * truth.std(0) * torch.randn(truth.shape, generator=draw, dtype=torch.float64)
    table = sw.symbolify(model, x, y, budget=0.5)
    for index, name in enumerate(model.config.output_names):
        best, error = table.of(name)[0], float((truth - y)[:, index].square().mean().sqrt())
        assert best.rmse < 1.5 * error
        assert best.splines
        assert any("this is the network" in note for note in best.notes)
        values = best.numpy()(x.numpy())
        assert np.sqrt(np.mean((values - y[:, index].numpy()) ** 2)) == pytest.approx(best.rmse, rel=1e-3)


def test_a_network_that_a_formula_describes_has_no_such_row():
    x = 2 * torch.rand(200, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    theory = sw.from_formula("exp(sin(3*x1) + x2**2)", {"x1": (-1, 1), "x2": (-1, 1)})
    model = sw.edit.to_splines(theory, grid=40).model
    table = sw.symbolify(model, x, theory(x).detach())
    assert str(table.best) in ("y = exp(x2**2 + sin(3*x1))", "y = exp(x2**2 + sin(3.0*x1))")
    assert all("this is the network" not in note for row in table for note in row.notes)
