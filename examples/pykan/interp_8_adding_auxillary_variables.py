"""m0/√(1 − v²/c²) with β and γ as further columns, with β alone, and with neither.

pykan's Interp_8_adding_auxillary_variables: test RMSE 2e-5 with β and γ, then the exact formula
"""

import torch
from common import rmse

import splinework as sw

draw = torch.Generator().manual_seed(0)
low, high = (torch.tensor(each, dtype=torch.float64) for each in ((0.0, 0.0, 1.1), (1.0, 0.9, 2.0)))
x, test = (low + (high - low) * torch.rand(1000, 3, generator=draw, dtype=torch.float64) for _ in range(2))


def mass(x: torch.Tensor) -> torch.Tensor:
    """The relativistic mass."""
    return x[:, 0] / torch.sqrt(1 - x[:, 1] ** 2 / x[:, 2] ** 2)


beta, gamma = "v/c", "1/sqrt(1 - v**2/c**2)"
for features in ([beta, gamma], [beta], []):
    start = sw.KAN([3 + len(features), (0, 1), 1], names=["m0", "v", "c"], features=features)
    model = sw.fit(start, x, mass(x), starts=2, steps=150, progress=False).model
    print(f"with {features}: RMSE {rmse(model, mass, test):.0e}")
best = sw.discover(x, mass(x), names=["m0", "v", "c"], target="m", budget=300, progress=False).best
error = abs(best.numpy()(test.numpy()) - mass(test).numpy()).max()
print(f"without further columns {best}, off by {error:.0e} at most")
assert error <= 2e-5
assert best.rmse < 1e-9
