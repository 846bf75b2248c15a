"""The diagram of a network: opacity by importance, names, a title, and the axes to go on with.

pykan's API_2_plotting: diagrams of a network with RMSE 5.2e-2
"""

from common import rmse, uniform, wave

import splinework as sw

x = uniform(1000, 2)
model = sw.fit(sw.KAN([2, 5, 1]), x, wave(x), penalties=[sw.train.Sparsity(1e-2)], steps=100, progress=False).model
axes = sw.plot(model, x, names=["α", "β"], output_names=["y"], beta=100, scale=0.7)
axes.set_title("My KAN")
error = rmse(model, wave, uniform(1000, 2, seed=1))
print(f"a diagram of a network with RMSE {error:.1e}")
assert error <= 5.2e-2
assert {"α", "β", "y"} <= {text.get_text() for text in axes.texts}
