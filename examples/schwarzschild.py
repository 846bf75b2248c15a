"""A hidden symmetry: the time that makes space around a black hole flat (Liu et al. 2024b, arXiv 2408.10205, §5).

With t = T - F(r), the radial part of Schwarzschild's metric (2M = 1) is `(1 - 1/r) F'² - 1/(1 - 1/r)`, and must be -1 for flat
space. A spline learns F from that equation alone, `discover` finds the formula of its slope, and the integral of that is the
published one, Painlevé and Gullstrand's. The equation and how it is solved are in
`splinework.reproduce.experiments.hidden_symmetry`.

pykan's Physics_3_blackhole: loss 1e-4, by an MLP

Run: python examples/schwarzschild.py (a minute)
"""

import splinework as sw
from splinework.reproduce.experiments.hidden_symmetry import distance_from_published, flat_time

r, slope, away = flat_time(300, seed=0)
print(f"the radial part of the metric is -1 up to {away:.0e}")
assert away < 1e-6

best = sw.discover(r, slope.abs(), names=["r"], target="F'", budget=20, progress=False).best
print(best)
assert distance_from_published(best.expression) < 1e-6
print("F is the published 2√r + ln((√r - 1)/(√r + 1))")
