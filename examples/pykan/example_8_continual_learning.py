"""Five peaks learned one after another without forgetting: only splines that meet the rows of a phase move.

pykan's Example_8_continual_learning: RMSE 4e-6 in every phase, the old peaks kept
"""

import torch
from common import rmse

import splinework as sw

centres = (-0.8, -0.4, 0.0, 0.4, 0.8)


def peaks(x: torch.Tensor) -> torch.Tensor:
    """The sum of five narrow peaks."""
    return sum(torch.exp(-300 * (x[:, 0] - centre) ** 2) for centre in centres)


options = {"optimiser": "lbfgs", "steps": 100, "grids": None, "degree": "keep", "starts": 1, "standardise": False}
model = sw.KAN([1, 1], grid=200, base="none", bias=False, grid_kind="fixed", extrapolation="zero", dtype=torch.float64)
model.kan_layers[0].spline_weight.requires_grad_(False)
for centre in centres:
    x = torch.linspace(centre - 0.2, centre + 0.2, 100, dtype=torch.float64)[:, None]
    model = sw.fit(model, x, peaks(x), validation=0, progress=False, **options).model
error = rmse(model, peaks, torch.linspace(-1, 1, 1001, dtype=torch.float64)[:, None])
print(f"after the last phase RMSE {error:.1e} over all peaks")
assert error <= 1e-5
