"""The base class of losses: a frozen recipe that evaluates rows, expands to second order, and reads the targets.

A loss is `Σ w_n ρ(f_n, t_n)` over rows n; its quadratic model is the generalised Gauss–Newton one, with the curvature `ρ''`
between two Jacobians (Schraudolph 2002).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from splinework.errors import ShapeError

KINK_WIDTH = 1e-4
"""Where a loss has a kink, the parabola that replaces it is about this wide, in network units: a share of y's spread."""


@dataclass(frozen=True)
class Loss(ABC):
    """A loss whose mean over the rows is minimised.

    Attributes:
        name: The name that `make_loss` takes.
        regression: Whether targets live in the units of the output, so that y may be standardised with the model's output
            scaling. Where not, the model's raw output is what `rows` takes, and y is not scaled.
        dispersed: Whether the size of the loss tells that of the noise; not so for minus the logarithm of a probability.

    >>> from splinework.train.losses import make_loss
    >>> make_loss("huber")
    Huber(threshold=1.345)
    """

    name: ClassVar[str]
    regression: ClassVar[bool] = False
    dispersed: ClassVar[bool] = True

    @abstractmethod
    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        """The loss of every row `(N,)`, differentiable in f; the mean over outputs where these are independent.

        Args:
            f: Outputs `(N, J)`, in network units for a regression.
            t: Targets, as `targets` gives them, in the units of f.
            unit: `(J,)`, what one network unit is in units of y; 1 where `regression` is False.
        """

    @abstractmethod
    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient g `(N, J)` of `rows` in f, and a curvature H that is nowhere negative.

        `g·δ + ½ δ'Hδ` is what a step δ of the outputs is expected to change. H is `(N, J)`, a diagonal, or `(N, J, J)`.
        """

    def columns(self, outputs: int) -> tuple[int, ...]:
        """Numbers of columns that y may have for a model of `outputs` outputs, the usual one first; empty for any.

        Raises:
            ConfigError: If no y fits a model with this number of outputs.
        """
        return (outputs,)

    def settle(self, y: Tensor) -> "Loss":
        """The recipe completed by the data, such as with their labels; by default itself."""
        return self

    def targets(self, y: Tensor, outputs: int, names: Sequence[str]) -> Tensor:
        """The targets `(N, J)`, from y `(N, columns)` in raw units.

        Args:
            y: The data, finite.
            outputs: Outputs J of the model.
            names: Names of the columns of y, for messages.

        Raises:
            ShapeError: If y has another number of columns than the loss needs.
            DataError: If some values mean nothing to this loss.
            ConfigError: If the loss does not fit a model with this number of outputs.
        """
        wanted = self.columns(outputs)
        if y.dim() != 2 or (wanted and y.shape[1] not in wanted):
            counts = " or ".join(f"(rows, {count})" for count in wanted) or "(rows, columns)"
            raise ShapeError(
                f"y must have shape {counts} for the loss {self.name} and a model of {outputs} outputs, "
                f"got {tuple(y.shape)}."
            )
        return y

    def response(self, f: Tensor) -> Tensor:
        """The response for raw outputs `(…, J)`: a probability, a rate, or the value itself."""
        return f


@torch.no_grad()
def best_constant(loss: Loss, t: Tensor, unit: Tensor, weights: Tensor | None = None) -> Tensor:
    """The output `(J,)`, the same for every row, with the least mean loss, such as a median or log odds.

    By damped steps on the loss's own expansion. An infinite one (the log odds of a class that never occurs) ends
    finite, where the loss no longer changes.

    Args:
        loss: The loss.
        t: Targets as `targets` of the loss gives them.
        unit: `(J,)`, what one network unit is in units of y.
        weights: Weights of the rows, `(N,)`; None for equal ones.
    """
    share = torch.full((len(t),), 1 / len(t), dtype=unit.dtype, device=unit.device)
    if weights is not None:
        share = weights / weights.sum()

    def mean(f: Tensor) -> float:
        return float(share @ loss.rows(f.expand(len(t), -1), t, unit))

    best = torch.zeros_like(unit)
    value, damping = mean(best), 1e-6
    for _ in range(200):
        slope, curvature = loss.expand(best.expand(len(t), -1), t, unit)
        slope, curvature = share @ slope, torch.tensordot(share, curvature, 1)
        matrix = torch.diag(curvature) if curvature.dim() == 1 else curvature
        scale = matrix.diagonal().clamp_min(1e-300)
        gained = -1.0
        while not gained > 0 and damping < 1e12:
            trial = best - torch.linalg.solve(matrix + torch.diag(damping * scale), slope)
            gained = value - mean(trial)
            damping *= 0.1 if gained > 0 else 10.0
        if not gained > 0:
            break
        best, value, damping = trial, value - gained, max(damping, 1e-12)
        if gained <= 1e-14 * abs(value):
            break
    return best
