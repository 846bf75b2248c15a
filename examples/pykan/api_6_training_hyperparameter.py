"""Penalties and what they cost: none, weak and strong, with and without entropy, and another seed.

pykan's API_6_training_hyperparameter: test RMSE 5.5e-3, 3.3e-2 and 1.7 for λ = 0, 0.01 and 1
"""

from common import rmse, uniform, wave

import splinework as sw

x, test = uniform(1000, 2), uniform(1000, 2, seed=1)
errors = []
for weight in (0.0, 0.01, 1.0):
    penalty = [sw.train.PykanSparsity(weight, entropy=2.0)] if weight else []
    model = sw.fit(sw.KAN([2, 5, 1]), x, wave(x), steps=200, penalties=penalty, seed=42, progress=False).model
    errors.append(rmse(model, wave, test))
print("test RMSE " + ", ".join(f"{each:.1e}" for each in errors))
assert all(ours <= theirs for ours, theirs in zip(errors, (5.5e-3, 3.3e-2, 1.7), strict=True))
