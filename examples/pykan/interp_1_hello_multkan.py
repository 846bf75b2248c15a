"""x1 x2 with a product node, and by squares without one.

pykan's Interp_1_Hello_MultKAN: test RMSE 1.4e-16, x_1*x_2
"""

import torch
from common import rmse, uniform

import splinework as sw


def product(x: torch.Tensor) -> torch.Tensor:
    """The product of the two columns."""
    return x.prod(1)


x, test = uniform(1000, 2), uniform(1000, 2, seed=1)
for shape in ([2, 5, 1], [2, (5, 2), 1]):
    model = sw.sparsify(sw.KAN(shape, base="identity"), x, product(x), progress=False).model
    print(
        f"{shape} becomes {model.config.shape} with {model.active_edges()} edges, RMSE {rmse(model, product, test):.0e}"
    )
best = sw.symbolify(model, x, product(x)).best
error = abs(best.numpy()(test.numpy()) - product(test).numpy()).max()
print(f"{best}, off by {error:.0e} at most")
assert str(best) == "y = x1*x2"
assert error <= 1.4e-16
