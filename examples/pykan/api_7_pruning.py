"""Pruning of nodes and edges by attribution, by eq. 2.21 of the paper, by number, and as far as held-out rows allow.

pykan's API_7_pruning: [2, 5, 1] becomes [2, 1, 1], RMSE 3.5e-2
"""

from common import rmse, uniform, wave

import splinework as sw

x, test = uniform(1000, 2), uniform(1000, 2, seed=1)
start = sw.fit(sw.KAN([2, 5, 1]), x, wave(x), penalties=[sw.train.Sparsity(1e-2)], steps=100, progress=False).model
for options in ({}, {"by": "magnitude", "edges": 0.0, "inputs": 0.0}, {"keep_nodes": 2}):
    model = sw.prune(start, x, **options)
    print(
        options,
        "leaves",
        model.config.shape,
        "with",
        model.active_edges(),
        "edges, RMSE",
        f"{rmse(model, wave, test):.1e}",
    )
model = sw.sparsify(sw.KAN([2, 5, 1]), x, wave(x), progress=False).model
error = rmse(model, wave, test)
print(f"sparsify leaves {model.config.shape} with {model.active_edges()} edges, RMSE {error:.1e}")
assert model.active_edges() == 3
assert error <= 3.5e-2
