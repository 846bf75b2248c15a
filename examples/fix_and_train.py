"""Say what an edge is, train on, say what the next one is: two formulas found by hand, as in the papers on KANs.

The first is the example of Liu et al. 2024 (arXiv 2404.19756, §2.5.1); the second is the phase boundary of its tutorials, in
which the last edge is known beforehand.

pykan's hellokan: test RMSE 7e-11, exp(x2² + sin(3.1416 x1))
pykan's Example_13_phase_transition: test RMSE 0.12

Run: python examples/fix_and_train.py (half a minute)
"""

import torch

import splinework as sw

generator = torch.Generator().manual_seed(0)


def rows(inputs: int) -> torch.Tensor:
    """A thousand rows between -1 and 1."""
    return 2 * torch.rand(1000, inputs, generator=generator, dtype=torch.float64) - 1


def go_on(model: sw.KAN, x: torch.Tensor, y: torch.Tensor) -> sw.KAN:
    """A few steps of training from where the model is, on the grids that it has."""
    return sw.fit(model, x, y, starts=1, steps=60, grids=None, degree="keep", progress=False).model


x = rows(2)
y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
model = sw.sparsify(sw.KAN([2, 5, 1]), x, y, progress=False).model
for edge in [("x1", "h1"), ("x2", "h1"), ("h1", "y")]:
    suggestions = sw.suggest(model, x, edge, rows=3)
    print(suggestions)
    model = go_on(sw.fix(model, edge, suggestions[0].name, x=x), x, y)
print(sw.symbolify(model, x, y).best)

x = rows(3)
y = torch.tanh(5 * (x[:, :1] ** 2 + x[:, 1:2] * x[:, 2:] - 0.3))
model = sw.fix(sw.KAN([3, (1, 1), 1, 1]), ("h2.1", "y"), "tanh", numbers=(1, 0, 1, 0))
model = sw.sparsify(model, x, y, seed=1, progress=False).model  # of other seeds may be other edges that say the same
model = go_on(sw.fix(model, ("x1", "h1.1"), "x^2", x=x), x, y)  # a power of it in the next layer would do as well
for edge in [("x2", "h1.2, factor 1"), ("x3", "h1.2, factor 2"), ("h1.1", "h2.1"), ("h1.2", "h2.1")]:
    suggestions = sw.suggest(model, x, edge, rows=2)
    print(suggestions)
    model = go_on(sw.fix(model, edge, suggestions[0].name, x=x), x, y)
print(sw.symbolify(model, x, y).best)
