"""Edges and nodes by their places or names: an edge becomes a sine, a node goes.

pykan's API_1_indexing: the sine on the edge has R² 0.95
"""

from common import uniform, wave

import splinework as sw

x = uniform(1000, 2)
model = sw.fit(sw.KAN([2, 3, 2, 1]), x, wave(x), steps=100, progress=False).model
best = max(sw.suggest(model, x, (0, 0, i), library=["sin"])[0].r2 for i in range(3))
model = sw.fix(model, ("x1", "h1.1"), "sin", x=x)
smaller, change = sw.edit.remove_node(model, x, (1, 2))
print(f"R² {best:.5f}; {model.config.shape} became {smaller.config.shape}, which changed the output by {change:.2f}")
assert best >= 0.95
assert smaller.config.shape == [2, 2, 2, 1]
