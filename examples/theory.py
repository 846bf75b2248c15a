"""A theory as a network, corrected by few rows: better than the theory, and better than the rows alone.

The first theory has a wrong curve, which becomes a spline; the second lacks a term, for which the network gets two nodes.

Run: python examples/theory.py (half a minute)
"""

import torch

import splinework as sw

draw = torch.Generator().manual_seed(1)
x, fresh = (2 * torch.rand(count, 2, generator=draw, dtype=torch.float64) - 1 for count in (120, 3000))
noise = 0.02 * torch.randn(120, generator=draw, dtype=torch.float64)
theory = sw.from_formula("exp(sin(3*x) + y**2)", {"x": (-1, 1), "y": (-1, 1)})
print(theory.config.shape, "has", theory.active_edges(), "edges, all of them functions")


def curved(x: torch.Tensor) -> torch.Tensor:
    """What is true where the wave of the theory is not quite one."""
    return torch.exp(torch.sin(3 * x[:, 0]) + 0.4 * x[:, 0] ** 3 + x[:, 1] ** 2)


def joined(x: torch.Tensor) -> torch.Tensor:
    """What is true where the theory lacks a term of both inputs."""
    return torch.exp(torch.sin(3 * x[:, 0]) + x[:, 1] ** 2) + 0.3 * torch.tanh(4 * x[:, 0] * x[:, 1])


for name, truth, start, trained in (
    ("theory, its constants trained", curved, theory, True),
    ("theory, its wave a spline", curved, sw.edit.to_splines(theory, edges=[("x", "h1")]).model, True),
    ("rows alone", curved, sw.KAN([2, 3, 1], grid=3), True),
    ("theory", joined, theory, False),
    ("theory and two nodes", joined, sw.edit.widen(theory, 1, 2), True),
    ("rows alone", joined, sw.KAN([2, 3, 1], grid=3), True),
):
    y = truth(x) + noise
    # Few rows for splines: every fit smooths them as far as the rows ask for.
    model = sw.fit(start, x, y, progress=False).model if trained else start
    with torch.no_grad():
        error = (model(fresh)[:, 0] - truth(fresh)).square().mean().sqrt()
    print(f"{truth.__name__}: {name:32s} RMSE to the truth {error:.3f}")
