"""Initial networks: by seed, by rule, with another base function and another grid.

pykan's API_4_initialization: pictures of six initial networks
"""

import torch
from common import uniform

import splinework as sw

x = uniform(100, 2)
options = [
    {},
    {"init": "power"},
    {"init": "power", "base": "identity"},
    {"base": "none"},
    {"grid": 20},
    {"domain": (-2, 2)},
]
models = [
    sw.KAN([2, 5, 1], generator=torch.Generator().manual_seed(1), dtype=torch.float64, **each) for each in options
]
again = sw.KAN([2, 5, 1], generator=torch.Generator().manual_seed(1), dtype=torch.float64)
assert torch.equal(models[0](x), again(x)), "the same seed is the same network"
spreads = [float(model(x).detach().std()) for model in models]
print("spread of the output:", ", ".join(f"{each:.2f}" for each in spreads))
assert len(set(spreads)) == len(options)
