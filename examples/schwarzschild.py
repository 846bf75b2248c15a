"""A hidden symmetry: the time that makes space around a black hole flat (Liu et al. 2024b, arXiv 2408.10205, §5).

With t = T - F(r), the radial part of Schwarzschild's metric (2M = 1) is `(1 - 1/r) F'² - 1/(1 - 1/r)`, and must be -1 for flat
space. A spline learns F from that equation alone, `discover` finds the formula of its slope, and the integral of that is the
published one, Painlevé and Gullstrand's.

Run: python examples/schwarzschild.py (a minute)
"""

import sympy
import torch

import splinework as sw
from splinework.nn.derivatives import partials

generator = torch.Generator().manual_seed(0)
r = 1.2 + 1.8 * torch.rand(300, 1, generator=generator, dtype=torch.float64)


def flatness(model, r):
    """How far the radial part of the metric is from -1, in terms of the slope's absolute value: F and -F are both right."""
    (slope,) = partials(model, r, "r")
    bend = 1 - 1 / r
    return slope.abs() - ((1 / bend - 1) / bend).sqrt()


start = sw.Residual(lambda model, r: model(r), [[2.0]])  # F is known up to a constant
model = sw.KAN([1, 1], names=["r"], domain=(1.2, 3.0), generator=generator, dtype=torch.float64)
found = sw.solve(model, [sw.Residual(flatness, r), start], progress=False).model
(slope,) = (part.detach()[:, 0] for part in partials(found, r, "r"))
metric = (1 - 1 / r[:, 0]) * slope**2 - 1 / (1 - 1 / r[:, 0])
print(f"the radial part of the metric is -1 up to {(metric + 1).abs().max():.0e}")
assert (metric + 1).abs().max() < 1e-6

best = sw.discover(r, slope.abs(), names=["r"], target="F'", budget=20, progress=False).best
print(best)
x = sympy.Symbol("r", positive=True)
learned = best.expression.subs(dict.fromkeys(best.expression.free_symbols, x))
published = 2 * sympy.sqrt(x) + sympy.log((sympy.sqrt(x) - 1) / (sympy.sqrt(x) + 1))
away = sympy.lambdify(x, learned - sympy.diff(published, x))(torch.linspace(1.2, 3, 50, dtype=torch.float64).numpy())
assert abs(away).max() < 1e-6
print("F is the published 2√r + ln((√r - 1)/(√r + 1))")
