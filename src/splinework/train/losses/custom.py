"""A custom loss: any function of outputs and targets that torch can differentiate.

Slope and curvature come from `ρ(f, t)` by automatic differentiation (Griewank & Walther 2008).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from splinework.errors import ConfigError, DtypeError, ShapeError
from splinework.errors.foreign import explained_record
from splinework.train.losses.base import KINK_WIDTH, Loss

MIN_CURVATURE_RATIO = 1e-6
"""A curvature below this share of what the slope alone suggests is taken for none."""


@explained_record
@final
@dataclass(frozen=True)
class Custom(Loss):
    """`function(outputs, targets)` in raw units, with the derivatives from autograd.

    A row's loss must depend on that row alone. The curvature is each row's second derivative with the magnitudes of its
    eigenvalues: nowhere negative, and where the loss is concave, as robust losses are far out, a step is as long as
    the scale on which the slope changes (Dauphin et al. 2014), where a clip at 0 would leave it without bound. Along
    directions with a slope and no curvature, as of `|r|`, it is what a kink at the loss's zero asks for, `|g|²/loss`: the
    majoriser of `|r|`.

    Attributes:
        function: A function of outputs `(N, J)` and targets `(N, columns)`, giving `(N,)`, or `(N, J)` for
            the mean over outputs.

    Raises:
        ConfigError: If it cannot be called.

    >>> Custom(lambda f, t: (f - t) ** 4).rows(torch.tensor([[2.0]]), torch.zeros(1, 1), torch.ones(1))
    tensor([16.])
    """

    function: Callable[[Tensor, Tensor], Any]

    name: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise ConfigError(f"Custom takes a function of outputs and targets, got {type(self.function).__name__}.")

    def rows(self, f: Tensor, t: Tensor, unit: Tensor) -> Tensor:
        """The loss of every row.

        Raises:
            DtypeError: If the function gives no tensor.
            ShapeError: If it does not give one loss per row.
        """
        value = self.function(f, t)
        if not isinstance(value, Tensor):
            raise DtypeError(
                f"the loss must give a torch tensor, got {type(value).__name__}; compute it with torch alone."
            )
        if value.dim() not in (1, 2) or len(value) != len(f) or value.numel() < len(f):
            raise ShapeError(
                f"the loss must give one value per row, ({len(f)},) or {tuple(f.shape)}, got {tuple(value.shape)}; leave the "
                "mean over rows out (reduction='none')."
            )
        return value if value.dim() == 1 else value.mean(1)

    def expand(self, f: Tensor, t: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient and curvature.

        Raises:
            ConfigError: If the loss does not depend on the outputs in a way that torch can differentiate.
        """
        with torch.enable_grad():
            leaf = f.detach().requires_grad_()
            value = self.rows(leaf, t, unit)
            if not value.requires_grad:
                raise ConfigError(
                    "the loss has no derivative in the outputs; use the outputs in it, in torch functions and without detach."
                )
            (slope,) = torch.autograd.grad(value.sum(), leaf, create_graph=True, materialize_grads=True)
            columns = [self._column(slope[:, j], leaf) for j in range(f.shape[1])]
        slope, value, hessian = slope.detach(), value.detach(), torch.stack(columns, 1)
        if f.shape[1] == 1:
            return slope, _lifted(hessian[:, :, 0].abs(), slope, value)
        size, axes = torch.linalg.eigh((hessian + hessian.mT) / 2)
        size = _lifted(size.abs(), torch.einsum("njk,nj->nk", axes, slope), value)
        return slope, torch.einsum("nik,nk,njk->nij", axes, size, axes)

    def columns(self, outputs: int) -> tuple[int, ...]:
        return ()

    @staticmethod
    def _column(slope: Tensor, leaf: Tensor) -> Tensor:
        """One column of every row's second derivative, `(N, J)`."""
        if not slope.requires_grad:
            return torch.zeros_like(leaf)
        (column,) = torch.autograd.grad(slope.sum(), leaf, retain_graph=True, materialize_grads=True)
        return column


def _lifted(size: Tensor, slope: Tensor, value: Tensor) -> Tensor:
    """Curvatures `(N, J)` along axes with these slopes; where the curvature is zero, that of a kink at the zero of the loss."""
    slope = slope.abs()
    total = slope.sum(1, keepdim=True)
    kink = slope * total / torch.maximum(value.abs()[:, None], KINK_WIDTH * total).clamp_min(1e-300)
    return torch.where(size < MIN_CURVATURE_RATIO * kink, kink, size)
