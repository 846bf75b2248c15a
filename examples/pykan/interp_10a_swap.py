"""Majority of three majorities of nine bits, and hidden nodes in the order in which edges are short.

pykan's Interp_10A_swap: accuracy 1, modules become visible once nodes are swapped
"""

from itertools import product

import torch

import splinework as sw

x = torch.tensor(list(product([0.0, 1.0], repeat=9)), dtype=torch.float64)
y = (x.view(-1, 3, 3).sum(2) > 1.5).double().sum(1).gt(1.5).double()
model = sw.sparsify(
    sw.KAN([9, 10, 10, 1], generator=torch.Generator().manual_seed(0)), x, y, budget=60, progress=False
).model
swapped = sw.edit.auto_swap(model, x)
right = float(((swapped(x)[:, 0] > 0.5) == (y > 0.5)).double().mean())
costs = [sw.edit.connection_cost(each, x) for each in (model, swapped)]
change = sw.edit.change(model, swapped, x)
print(f"accuracy {right:.3f}; connection cost {costs[0]:.2f}, then {costs[1]:.2f}; output changed by {change:.0e}")
assert right == 1
assert costs[1] <= costs[0]
assert change < 1e-10
