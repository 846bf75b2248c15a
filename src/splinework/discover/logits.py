"""The likelihood of classes under formulas for their logits, what it says of rows not fitted, and a network's logits."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.discover.snapping import ExpressionsWithGradients, FreeConstants
from splinework.discover.structure import trial_fit
from splinework.interpret.symbolic.library import Array
from splinework.nn.network import KAN
from splinework.train import TrainingOptions

RIDGE_STRENGTH = 1e-3
"""Half of it times the squared constants is added where classes are separated: without it they would grow for ever."""


class LogitObjective:
    """Nats of class labels under logits against the class 0: an objective of `snapping`.

    Args:
        constants: One expression for each class but the first, first; more may follow and do not count.
        x: `(N, d)`.
        labels: `(N,)`, classes 0, 1, ….
        names: Names of the columns.
        ridge: Factor of half the squared constants.
    """

    def __init__(
        self, constants: FreeConstants, x: Array, labels: NDArray[np.intp], names: Sequence[str], ridge: float = 0.0
    ) -> None:
        others = int(labels.max())
        self.truth, self.ridge = np.eye(others + 1)[labels][:, 1:], ridge
        self._at = ExpressionsWithGradients(constants, others, x, names)

    def __call__(self, constants: Array) -> tuple[float, Array, Array] | None:
        """Nats, gradient and Fisher's information."""
        found = self._at(constants)
        if found is None or not all(np.isfinite(part).all() for part in found):
            return None
        logits, slopes = found
        p = probabilities(logits)
        loss = nats(logits, self.truth) + 0.5 * self.ridge * float(constants @ constants)
        gradient = np.einsum("nk,nkp->p", p - self.truth, slopes) + self.ridge * constants
        mean = np.einsum("nk,nkp->np", p, slopes)
        information = np.einsum("nk,nkp,nkq->pq", p, slopes, slopes) - mean.T @ mean
        return loss, gradient, information + self.ridge * np.eye(len(constants))


def probabilities(logits: Array) -> Array:
    """Probabilities of all classes but the first, `(N, K - 1)`."""
    top = np.maximum(logits.max(axis=1, keepdims=True), 0.0)
    weights = np.exp(logits - top)
    shares: Array = weights / (np.exp(-top) + weights.sum(axis=1, keepdims=True))
    return shares


def nats(logits: Array, truth: Array) -> float:
    """Minus the logarithm of the probability of what was seen, summed over rows."""
    top = np.maximum(logits.max(axis=1), 0.0)
    total = top + np.log(np.exp(-top) + np.exp(logits - top[:, None]).sum(axis=1))
    return float((total - (logits * truth).sum(axis=1)).sum())


def base_rate(labels: NDArray[np.intp]) -> Array:
    """Logits of the classes' shares, `(K - 1,)`."""
    shares = np.bincount(labels).astype(float)
    found: Array = np.log(shares[1:] / shares[0])
    return found


def area(score: Array, positive: NDArray[np.bool_]) -> float:
    """Area under the receiver operating characteristic: the chance that a positive row scores higher than a negative one."""
    from scipy.stats import rankdata

    ranks, up = rankdata(score), int(positive.sum())
    down = len(positive) - up
    if not up or not down:
        return math.nan
    return float((ranks[positive].sum() - up * (up + 1) / 2) / (up * down))


def calibration_slope(logit: Array, positive: NDArray[np.bool_]) -> float:
    """Slope of a logistic regression of what was seen on the logit: 1 is right, below it the formula is too sure."""
    a, b = 0.0, 1.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(a + b * logit, -40, 40)))
        w = np.maximum(p * (1 - p), 1e-12)
        design = np.column_stack([np.ones_like(logit), logit])
        step = np.linalg.lstsq(design * np.sqrt(w)[:, None], (positive - p) / np.sqrt(w), rcond=None)[0]
        step = np.clip(step, -2.0, 2.0)
        a, b = a + step[0], b + step[1]
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(b)


MAX_LOGIT = 12.0
"""Logits beyond this are cut off: the data do not determine them."""


def logit_network(
    x: Array, labels: NDArray[np.intp], held: NDArray[np.bool_], *, seed: int, budget: float
) -> tuple[Array, KAN, Any]:
    """Logits against class 0 at all rows, `(N, K - 1)`, the network and the history of its fit.

    Args:
        x: `(N, d)`.
        labels: `(N,)`, classes 0, 1, ….
        held: `(N,)`: rows that choose between a network without hidden nodes and one with two.
        seed: Seed of the fits.
        budget: Time for both, in seconds.
    """
    d, classes = x.shape[1], int(labels.max()) + 1
    loss, outputs = ("logistic", 1) if classes == 2 else ("softmax", classes)
    y, truth = labels.astype(float), np.eye(classes)[labels][:, 1:]
    own = torch.Generator().manual_seed(seed)  # the global one is not to be touched
    found: list[tuple[float, Array, KAN, Any]] = []
    options = TrainingOptions(
        loss=loss, validation=(x[held], y[held]), seed=seed, progress=False, starts=2, budget=budget / 2
    )
    for shape in ([d, outputs], [d, 2, outputs]):
        fitted = trial_fit(KAN(shape, grid=3, generator=own), x[~held], y[~held], options)
        with torch.no_grad():
            rows = torch.from_numpy(np.ascontiguousarray(x)).to(next(fitted.model.parameters()).dtype)
            raw = np.asarray(fitted.model(rows).double())
        logits = raw if classes == 2 else raw[:, 1:] - raw[:, :1]
        found.append((nats(logits[held], truth[held]), logits, fitted.model, fitted.history))
    small, large = found
    _, logits, model, history = large if large[0] < small[0] - 1.0 else small  # nats: then the simpler one is as good
    return np.clip(logits, -MAX_LOGIT, MAX_LOGIT), model, history
