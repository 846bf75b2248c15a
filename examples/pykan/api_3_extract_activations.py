"""Activations of all layers, and one edge as arrays.

pykan's API_3_extract_activations: arrays of an edge and its range
"""

import torch
from common import uniform, wave

import splinework as sw

x = uniform(1000, 2)
model = sw.fit(sw.KAN([2, 5, 1]), x, wave(x), steps=20, progress=False).model
record = sw.trace(model, x)
before, after = record.edge(0, 1, 3)
sums = record.layers[0].edges.sum(dim=1)
layer = model.kan_layers[0]
bias = record.layers[0].sums - sums
print(f"edge x2 → h4 from [{before.min():.2f}, {before.max():.2f}] to [{after.min():.2f}, {after.max():.2f}]")
assert torch.allclose(bias, bias[:1].expand_as(bias), atol=1e-10), "edges and a constant add up to the nodes"
assert torch.allclose(record.outputs, model(x), rtol=1e-12, atol=1e-12)
