"""Draws docs/images/network.png: a [2, 5, 1] network fitted to f(x, y) = exp(sin(πx) + y²), made sparse by the penalty.

Run it from anywhere: `python docs/images/make_network.py`. It takes about half a minute.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch

import splinework as sw
from splinework.train.penalties import Sparsity

generator = torch.Generator().manual_seed(0)
x = 2 * torch.rand(1000, 2, generator=generator) - 1
y = torch.exp(torch.sin(math.pi * x[:, 0]) + x[:, 1] ** 2)

model = sw.KAN([2, 5, 1], names=["x", "y"], output_names=["f"], generator=generator)
sparse = sw.fit(model, x, y, penalties=[Sparsity(1e-2)], grids=None, progress=False).model
ax = sw.plot(sparse, x)
ax.figure.savefig(Path(__file__).with_name("network.png"), dpi=160)
