"""A sparse start: every input keeps its nearest node and every node its nearest input, and that trains.

pykan's Interp_11_sparse_init: a picture of a sparse initial network
"""

import torch
from common import rmse, uniform, wave

import splinework as sw


def nearest(inputs: int, outputs: int) -> torch.Tensor:
    """Edges of a layer, `(inputs, outputs)`, that join neighbours on a line."""
    a, b = (torch.linspace(1 / (2 * n), 1 - 1 / (2 * n), n) for n in (inputs, outputs))
    far = (a[:, None] - b[None, :]).abs()
    return (far == far.min(0, keepdim=True).values) | (far == far.min(1, keepdim=True).values)


x, test = uniform(1000, 2), uniform(1000, 2, seed=1)
full = sw.KAN([2, 5, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
sparse = sw.edit.without_edges(full, x, [nearest(2, 5), nearest(5, 1)])
model = sw.fit(sparse, x, wave(x), steps=200, progress=False).model
error = rmse(model, wave, test)
print(f"{sparse.active_edges()} of {full.active_edges()} edges, {model.active_edges()} after the fit, RMSE {error:.1e}")
assert sparse.active_edges() < full.active_edges()
assert model.active_edges() == sparse.active_edges()
