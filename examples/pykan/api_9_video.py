"""A film of the training: a callback sees every step, a picture of the network is a frame.

pykan's API_9_video: a film of 5 steps, RMSE 2.9e-1
"""

import tempfile
from pathlib import Path

import matplotlib as mpl
from common import rmse, uniform
from matplotlib import pyplot as plt
from torch import Tensor, exp, pi, sin

import splinework as sw

mpl.use("agg")


def nested(x: Tensor) -> Tensor:
    """The function of the notebook."""
    return exp((sin(pi * (x[:, 0] ** 2 + x[:, 1] ** 2)) + sin(pi * (x[:, 2] ** 2 + x[:, 3] ** 2))) / 2)


x = uniform(3000, 4)
model, frames = sw.KAN([4, 2, 1, 1]), []
with tempfile.TemporaryDirectory() as folder:
    for number in range(5):
        model = sw.fit(
            model, x, nested(x), steps=20 if number else 200, starts=1 if number else None, grids=None, progress=False
        ).model
        axes = sw.plot(model, x)
        axes.set_title(f"step {200 + 20 * number}")
        axes.figure.savefig(Path(folder) / f"{number}.png", dpi=50)
        plt.close(axes.figure)
        frames.append((Path(folder) / f"{number}.png").read_bytes())
error = rmse(model, nested, uniform(1000, 4, seed=1))
print(f"{len(frames)} frames, RMSE {error:.1e}")
assert len(set(frames)) > 1
assert error <= 2.9e-1
