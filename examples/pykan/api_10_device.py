"""Where a network computes: `to` moves it, and the output stays.

pykan's API_10_device: training on a GPU where there is one
"""

import torch
from common import rmse, uniform, wave

import splinework as sw

device = "cuda" if torch.cuda.is_available() else "cpu"
x = uniform(1000, 2)
start = sw.KAN([2, 5, 1], dtype=torch.float64).to(device)
model = sw.fit(start, x.to(device), wave(x).to(device), steps=100, progress=False).model
assert next(model.parameters()).device.type == device
error = rmse(model.to("cpu"), wave, x)
print(f"trained on {device}, RMSE {error:.1e} on the processor")
assert error < 1e-2
