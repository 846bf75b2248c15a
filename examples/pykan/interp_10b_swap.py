"""Five sums of pairs of ten inputs: each pair gets a place of its own, and edges short.

pykan's Interp_10B_swap: test RMSE 8e-2 by [10, 10, 5], modules become visible once nodes are swapped
"""

import torch
from common import uniform

import splinework as sw


def pairs(x: torch.Tensor) -> torch.Tensor:
    """Sums of columns 1 and 2, 3 and 4, and so on."""
    return x[:, 0::2] + x[:, 1::2]


x, test = uniform(1000, 10), uniform(1000, 10, seed=1)
model = sw.sparsify(sw.KAN([10, 10, 5]), x, pairs(x), budget=60, progress=False).model
mixed = sw.edit.permute(
    model, 1, torch.randperm(model.config.nodes[1].sums, generator=torch.Generator().manual_seed(0)).tolist()
)
swapped = sw.edit.auto_swap(mixed, x)
error = float((swapped(test) - pairs(test)).square().mean().sqrt().detach())
costs = [sw.edit.connection_cost(each, x) for each in (mixed, swapped)]
print(f"RMSE {error:.0e}, {model.active_edges()} edges; connection cost {costs[0]:.2f}, then {costs[1]:.2f}")
assert error <= 8e-2
assert costs[1] <= costs[0]
