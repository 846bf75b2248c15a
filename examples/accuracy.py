"""The default `fit` on exp(sin πx + y²): from 1000 rows to eleven digits, what it decided on the way, and how sure it is.

Run: python examples/accuracy.py (a few seconds)
"""

import torch

import splinework as sw

generator = torch.Generator().manual_seed(0)
x = 2 * torch.rand(1000, 2, generator=generator, dtype=torch.float64) - 1
y = torch.exp(torch.sin(torch.pi * x[:, :1]) + x[:, 1:] ** 2)
fresh = 2 * torch.rand(5000, 2, generator=generator, dtype=torch.float64) - 1
truth = torch.exp(torch.sin(torch.pi * fresh[:, :1]) + fresh[:, 1:] ** 2)

result = sw.fit(sw.KAN([2, 1, 1], dtype=torch.float64), x, y)
with torch.no_grad():
    print(f"test RMSE {(result.model(fresh) - truth).square().mean().sqrt():.1e}")
for decision in result.history.decisions:
    print(f"step {decision.step:4d}  {decision.kind:10s} {decision.text}")

noisy = y + 0.3 * torch.randn(1000, 1, generator=generator, dtype=torch.float64)
result = sw.fit(sw.KAN([2, 1, 1], dtype=torch.float64), x, noisy)
seen = truth + 0.3 * torch.randn(5000, 1, generator=generator, dtype=torch.float64)
interval = result.interval(fresh, level=0.9)
inside = (seen >= interval.lower) & (seen <= interval.upper)
print(f"with noise 0.3: {inside.double().mean():.1%} of new observations lie in their 90 % intervals")
