"""Five penalties, each of which leaves a network that is sparser or smoother than without.

pykan's API_8_regularization: RMSE 4.6e-2 with its five metrics
"""

from common import rmse, uniform, wave

import splinework as sw

x, test = uniform(1000, 2), uniform(1000, 2, seed=1)
train = sw.train
for penalty in (
    train.Sparsity(1e-3),
    train.PykanSparsity(1e-3, entropy=2.0),
    train.PykanSparsity(1e-3, coefficients=1.0, differences=1.0),
    train.GroupLasso(1e-3),
    train.Roughness(1e-6),
):
    model = sw.fit(sw.KAN([2, 5, 1]), x, wave(x), steps=150, penalties=[penalty], progress=False).model
    error = rmse(model, wave, test)
    print(f"{type(penalty).__name__}: RMSE {error:.1e}")
    assert error <= 4.6e-2
