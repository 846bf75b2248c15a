"""A fit that is interrupted and goes on: a checkpoint, callbacks, and the history as a table.

Run: python examples/resume.py (some seconds). It writes into a folder of its own and removes it.
"""

import tempfile
from pathlib import Path

import torch

import splinework as sw
from splinework.train import PlotLive, Step

generator = torch.Generator().manual_seed(0)
x = 2 * torch.rand(500, 2, generator=generator, dtype=torch.float64) - 1
y = x[:, :1] * x[:, 1:]


def model() -> sw.KAN:
    """The same start every time."""
    return sw.KAN([2, 2, 1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class PowerCut(Exception):
    """Stands for a machine that goes down."""


def cut(step: Step) -> None:
    """Goes down at step 200."""
    if step.number == 200:
        raise PowerCut


with tempfile.TemporaryDirectory() as folder:
    checkpoint = Path(folder) / "fit.checkpoint"
    try:
        sw.fit(model(), x, y, checkpoint=checkpoint, callbacks=[cut], progress=False)
    except PowerCut:
        print(f"cut off; the checkpoint has {checkpoint.stat().st_size} bytes")
    resumed = sw.fit(
        model(), x, y, checkpoint=checkpoint, callbacks=[PlotLive(Path(folder) / "fit.png")], progress=False
    )
    print(f"the picture has {(Path(folder) / 'fit.png').stat().st_size} bytes")

whole = sw.fit(model(), x, y, progress=False)
same = all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), resumed.model.parameters(), strict=True))
print(f"the same bits as without a cut: {same}")
print(resumed.history.frame()[["stage", "grids", "degrees", "rmse_train", "rmse_validation", "damping"]].iloc[::60])
