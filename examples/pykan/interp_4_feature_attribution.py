"""Which inputs matter: four inputs of one sum, and the first of a hundred.

pykan's Interp_4_feature_attribution: scores 0.89, 0.52, 0.108, 0.004; of 100 inputs one too many is kept, RMSE 5.5e-2
"""

import torch
from common import rmse, uniform

import splinework as sw
from splinework.interpret.scores import attribution


def additive(x: torch.Tensor) -> torch.Tensor:
    """Four inputs, of which the last has no effect."""
    return x[:, 0] ** 2 + 0.3 * x[:, 1] + 0.1 * x[:, 2] ** 3


def geometric(x: torch.Tensor) -> torch.Tensor:
    """A hundred inputs with halved effects."""
    return (x**2 * 0.5 ** torch.arange(100, dtype=x.dtype)).sum(1)


x = uniform(1000, 4)
model = sw.sparsify(sw.KAN([4, 5, 1]), x, additive(x), progress=False).model
scores = attribution(model, x).nodes[0]
exact = torch.stack([(x[:, 0] ** 2).std(), 0.3 * x[:, 1].std(), (0.1 * x[:, 2] ** 3).std(), x.new_zeros(())])
print("scores " + ", ".join(f"{float(each):.3f}" for each in scores))
assert torch.allclose(scores, exact / additive(x).std(), atol=0.005)

x, test = uniform(1000, 100), uniform(1000, 100, seed=1)
model = sw.fit(sw.KAN([100, 1]), x, geometric(x), progress=False).model
kept = (attribution(model, x).nodes[0] > 3e-2).nonzero().ravel().tolist()
error = rmse(model, geometric, test)
print(f"of 100 inputs {kept} have a score above 0.03, RMSE {error:.1e}")
assert kept == list(range(len(kept)))
assert error <= 5.5e-2
