"""A network fitted to class labels, and its logits: smooth curves in which formulas can be looked for."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.discover.logits import nats
from splinework.discover.trial import trial_fit
from splinework.interpret.symbolic.library import Array
from splinework.nn.network import KAN
from splinework.train import TrainingOptions

LARGEST = 12.0
"""Logits beyond this are cut off: the data do not determine them."""
TIE = 1.0
"""Nats on held-out rows within which the simpler network is as good."""


def logit_network(
    x: Array, labels: NDArray[np.intp], held: NDArray[np.bool_], *, seed: int, seconds: float
) -> tuple[Array, KAN, Any]:
    """Logits against class 0 at all rows, `(N, K - 1)`, the network and the history of its fit.

    Args:
        x: `(N, d)`.
        labels: `(N,)`, classes 0, 1, ….
        held: `(N,)`: rows that choose between a network without hidden nodes and one with two.
        seed: Of the fits.
        seconds: For both together.
    """
    d, classes = x.shape[1], int(labels.max()) + 1
    loss, outputs = ("logistic", 1) if classes == 2 else ("softmax", classes)
    y, truth = labels.astype(float), np.eye(classes)[labels][:, 1:]
    own = torch.Generator().manual_seed(seed)  # the global one is not to be touched
    found: list[tuple[float, Array, KAN, Any]] = []
    options = TrainingOptions(
        loss=loss, validation=(x[held], y[held]), seed=seed, progress=False, starts=2, seconds=seconds / 2
    )
    for shape in ([d, outputs], [d, 2, outputs]):
        fitted = trial_fit(KAN(shape, grid=3, generator=own), x[~held], y[~held], options)
        with torch.no_grad():
            rows = torch.from_numpy(np.ascontiguousarray(x)).to(next(fitted.model.parameters()).dtype)
            raw = np.asarray(fitted.model(rows).double())
        logits = raw if classes == 2 else raw[:, 1:] - raw[:, :1]
        found.append((nats(logits[held], truth[held]), logits, fitted.model, fitted.history))
    small, large = found
    _, logits, model, history = large if large[0] < small[0] - TIE else small
    return np.clip(logits, -LARGEST, LARGEST), model, history
