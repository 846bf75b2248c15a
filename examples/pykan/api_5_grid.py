"""Grids: the functions of a basis, an edge as base and spline, and a grid that follows the data.

pykan's API_5_grid: pictures of bases; a grid that is moved to the data
"""

import torch
from common import uniform

import splinework as sw
from splinework.interpret.reading import edge_parts

x = uniform(1000, 2, -0.5, 0.2)
model = sw.KAN([2, 5, 1], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
basis = model.kan_layers[0].table().rows(x)
moved = sw.adapt(model, x)
change = sw.edit.change(model, moved, x)
parts = edge_parts(moved, x, (0, 0, 0))
knots = moved.kan_layers[0].knots()
print(
    f"{basis.shape[-1]} functions; knots now from {knots.min():.2f} to {knots.max():.2f}, output changed by {change:.0e}"
)
assert torch.allclose(parts.output, parts.base + parts.spline)
assert knots.min() > -1
assert change < 0.05
