"""Other losses than the squared error: outliers, quantiles, counts, classes, and one of one's own.

Run: python examples/losses.py (half a minute)
"""

import torch

import splinework as sw
from splinework.train import Huber, Quantile

generator = torch.Generator().manual_seed(0)
x = 2 * torch.rand(600, 1, generator=generator, dtype=torch.float64) - 1
wave = torch.sin(3 * x)
noise = torch.randn(600, 1, generator=generator, dtype=torch.float64)


def model(outputs: int = 1) -> sw.KAN:
    """One layer of edges."""
    return sw.KAN([1, outputs], dtype=torch.float64)


spoiled = wave + 0.05 * noise
spoiled[::20] += 5  # every twentieth row is off
for loss in ("squared", Huber(0.1), "absolute"):
    fitted = sw.fit(model(), x, spoiled, loss=loss, progress=False).model
    with torch.no_grad():
        print(f"{loss!s:55s} RMSE to the truth {(fitted(x) - wave).square().mean().sqrt():.3f}")

spread = wave + (0.1 + 0.3 * x.abs()) * noise  # noise that grows with |x|
bands = sw.fit(model(3), x, spread, loss=Quantile((0.1, 0.5, 0.9)), progress=False).model
with torch.no_grad():
    low, _, high = bands(x).unbind(1)
print(f"between the 10 % and the 90 % quantile: {((spread[:, 0] > low) & (spread[:, 0] < high)).double().mean():.1%}")

counts = torch.poisson((1 + wave).exp(), generator=generator)
rate = sw.fit(model(), x, counts, loss="poisson", progress=False).model
with torch.no_grad():
    print(f"log rate off by {(rate(x) - 1 - wave).square().mean().sqrt():.3f}")

label = (wave + 0.3 * noise > 0).double()
logit = sw.fit(model(), x, label, loss="logistic", progress=False).model
with torch.no_grad():
    print(f"classes right: {((logit(x) > 0).double() == label).double().mean():.1%}")

log_cosh = sw.fit(model(), x, spoiled, loss=lambda f, t: torch.log(torch.cosh(5 * (f - t))), progress=False).model
with torch.no_grad():
    print(f"a loss of one's own: RMSE to the truth {(log_cosh(x) - wave).square().mean().sqrt():.3f}")
