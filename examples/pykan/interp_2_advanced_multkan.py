"""Product nodes of any arity in any layer, and their diagrams.

pykan's Interp_2_Advanced MultKAN: pictures of four networks
"""

import torch
from common import uniform

import splinework as sw

x = uniform(100, 2)
for shape in (
    [2, (5, 2), 1],
    [2, (5, [3, 3]), 1],
    [2, (0, [2, 3]), (1, [4]), 1],
    [2, (2, 2), (1, 3), (3, 2), (1, [2])],
):
    model = sw.KAN(shape, dtype=torch.float64)
    axes = sw.plot(model, x)
    record = sw.trace(model, x)
    print(f"{shape}: {model.active_edges()} edges, {record.outputs.shape[1]} outputs, {len(axes.texts)} labels")
    axes.figure.clear()
    assert record.outputs.shape[1] == model.config.nodes[-1].sums + len(model.config.nodes[-1].products)
