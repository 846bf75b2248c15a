"""The tree of a fitted network, and of its rows.

pykan's Interp_6_test_symmetry_NN: the tree of a network [4, 5, 5, 1] with test RMSE 4.8e-3, at loosened thresholds
"""

import torch
from common import rmse, uniform

import splinework as sw
from splinework.interpret.structure import find_structure


def nested(x: torch.Tensor) -> torch.Tensor:
    """The root of squared sums of squares."""
    return ((x[:, 0] ** 2 + x[:, 1] ** 2) ** 2 + (x[:, 2] ** 2 + x[:, 3] ** 2) ** 2).sqrt()


x, test = uniform(3000, 4), uniform(1000, 4, seed=1)
model = sw.fit(sw.KAN([4, 5, 5, 1]), x, nested(x), steps=300, starts=2, progress=False).model
error = rmse(model, nested, test)
by_network = find_structure(model, x, tolerance=0.05)
by_rows = find_structure(x, nested(x))
print(f"network with RMSE {error:.1e}: {by_network.formula()}; rows: {by_rows.formula()}")
assert error <= 4.8e-3
assert by_rows.tree.key == find_structure(nested, x).tree.key
